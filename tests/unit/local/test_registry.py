"""What the contract suite cannot ask of every API server: the clock, admission, finalizers, the journal, restarts."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stepladder.control.store import (
    EVENTS,
    PODS,
    QUOTAS,
    STUDIES,
    TRIALS,
    Change,
    Conflict,
    Invalid,
    NotFound,
    Object,
    Resource,
    Unavailable,
)
from stepladder.local.registry import Registry


def manifest(resource: Resource, name: str = "a", **metadata: Any) -> Object:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": "lab", **metadata},
        "spec": {"containers": [{"name": "trainer", "resources": {"limits": {"nvidia.com/gpu": 1}}}]},
    }


def owned_by(owner: Object) -> list[Object]:
    metadata = owner["metadata"]
    return [
        {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    ]


def test_time_is_the_clocks_and_in_utc() -> None:
    registry = Registry(clock=lambda: datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC))
    created = registry.create(TRIALS, manifest(TRIALS))
    assert created["metadata"]["creationTimestamp"] == "2026-01-02T03:04:05Z"


def test_deletion_is_stamped_with_the_end_of_the_grace() -> None:
    registry = Registry(clock=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    registry.create(PODS, manifest(PODS))
    registry.bind("lab", "a", "node")
    registry.delete(PODS, "lab", "a")
    assert registry.get(PODS, "lab", "a")["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:35Z"


def test_admission_sees_creations_and_changes_and_its_word_is_stored() -> None:
    seen: list[tuple[int | None, int]] = []

    def admit(_resource: Resource, new: Object, old: Object | None) -> Object:
        seen.append((old["spec"].get("x") if old else None, new["spec"].get("x")))
        if new["spec"].get("x") == 3:
            raise Invalid("x must not be 3")
        return {**new, "spec": {**new["spec"], "defaulted": True}}

    registry = Registry(admit=admit)
    assert registry.create(TRIALS, manifest(TRIALS) | {"spec": {"x": 1}})["spec"] == {"x": 1, "defaulted": True}
    registry.patch(TRIALS, "lab", "a", {"spec": {"x": 2}})
    with pytest.raises(Invalid):
        registry.patch(TRIALS, "lab", "a", {"spec": {"x": 3}})
    with pytest.raises(Invalid):
        registry.create(TRIALS, manifest(TRIALS, "b") | {"spec": {"x": 3}})
    assert seen == [(None, 1), (1, 2), (2, 3), (None, 3)]
    assert registry.get(TRIALS, "lab", "a")["spec"]["x"] == 2
    assert registry.list(TRIALS, "lab", None) == [registry.get(TRIALS, "lab", "a")]


def test_server_fields_cannot_be_patched() -> None:
    registry = Registry()
    created = registry.create(TRIALS, manifest(TRIALS))
    for field, value in {"generation": 9, "creationTimestamp": "x", "deletionTimestamp": "x", "name": "b"}.items():
        assert registry.patch(TRIALS, "lab", "a", {"metadata": {field: value}}) == created
    with pytest.raises(Conflict):
        registry.patch(TRIALS, "lab", "a", {"metadata": {"uid": "another"}})
    with pytest.raises(Invalid):
        registry.patch(TRIALS, "lab", "a", {"metadata": None})


def test_what_json_cannot_carry_is_refused() -> None:
    registry = Registry()
    with pytest.raises(Invalid):
        registry.create(TRIALS, manifest(TRIALS) | {"spec": {"x": float("nan")}})
    registry.create(TRIALS, manifest(TRIALS))
    with pytest.raises(Invalid):
        registry.patch(TRIALS, "lab", "a", {"status": {"x": float("inf")}}, status=True)


@pytest.mark.parametrize("missing", ["name", "namespace"])
def test_an_object_needs_a_name_and_a_namespace(missing: str) -> None:
    with pytest.raises(Invalid, match=missing):
        Registry().create(TRIALS, manifest(TRIALS, **{missing: ""}))


def test_kind_and_version_must_be_the_resources() -> None:
    with pytest.raises(Invalid, match="kind"):
        Registry().create(TRIALS, manifest(STUDIES))


def test_a_finalizer_holds_an_object_until_it_is_taken_off() -> None:
    registry = Registry()
    registry.create(STUDIES, manifest(STUDIES, finalizers=["example.test/hold"]))
    registry.delete(STUDIES, "lab", "a")
    assert "deletionTimestamp" in registry.get(STUDIES, "lab", "a")["metadata"]
    registry.patch(STUDIES, "lab", "a", {"metadata": {"finalizers": []}})
    with pytest.raises(NotFound):
        registry.get(STUDIES, "lab", "a")


def test_owners_of_kinds_that_are_not_kept_here_are_taken_to_be_alive() -> None:
    registry = Registry()
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "u"}
    registry.create(PODS, manifest(PODS, ownerReferences=[owner]))
    assert registry.get(PODS, "lab", "a")


def test_a_pod_on_a_node_is_collected_gracefully() -> None:
    registry = Registry()
    trial = registry.create(TRIALS, manifest(TRIALS))
    registry.create(PODS, manifest(PODS, ownerReferences=owned_by(trial)))
    registry.bind("lab", "a", "node")
    registry.delete(TRIALS, "lab", "a")
    assert "deletionTimestamp" in registry.get(PODS, "lab", "a")["metadata"]


def test_taking_the_last_owner_reference_off_frees_an_object_from_its_owner() -> None:
    registry = Registry()
    trial = registry.create(TRIALS, manifest(TRIALS))
    registry.create(PODS, manifest(PODS, ownerReferences=owned_by(trial)))
    registry.patch(PODS, "lab", "a", {"metadata": {"ownerReferences": None}})
    registry.delete(TRIALS, "lab", "a")
    assert registry.get(PODS, "lab", "a")


def test_a_pod_is_bound_once_and_by_its_uid() -> None:
    registry = Registry()
    created = registry.create(PODS, manifest(PODS))
    with pytest.raises(NotFound):
        registry.bind("lab", "a", "node", uid="another")
    assert registry.bind("lab", "a", "node", uid=created["metadata"]["uid"])["spec"]["nodeName"] == "node"
    with pytest.raises(Conflict):
        registry.bind("lab", "a", "other")


def test_finishing_a_pod_spares_its_successor_of_the_same_name() -> None:
    registry = Registry()
    registry.create(PODS, manifest(PODS))
    registry.finish("lab", "a", "the-predecessors-uid")
    assert registry.get(PODS, "lab", "a")
    registry.finish("lab", "gone", "any")


def test_the_newest_thousand_events_are_kept() -> None:
    registry = Registry()
    for number in range(1003):
        registry.create(EVENTS, manifest(EVENTS, f"e{number}"))
    kept = {event["metadata"]["name"] for event in registry.list(EVENTS, "lab", None)}
    assert len(kept) == 1000
    assert "e2" not in kept
    assert "e1002" in kept


def test_a_write_that_the_journal_refuses_has_not_happened() -> None:
    """A full disk: the reconciler tries again later, and nobody may have seen what could not be kept."""
    registry = Registry()
    heard: list[Change] = []
    registry.listeners.append(heard.append)

    def refuse(_change: Change) -> None:
        raise Unavailable("no space left")

    registry.journal = refuse
    with pytest.raises(Unavailable):
        registry.create(TRIALS, manifest(TRIALS))
    assert registry.list(TRIALS, None, None) == []
    assert heard == []


def test_the_journal_hears_of_a_change_before_the_listeners() -> None:
    registry = Registry()
    order: list[str] = []
    registry.journal = lambda change: order.append(f"journal {change.type}")
    registry.listeners.append(lambda change: order.append(f"listener {change.type}"))
    registry.create(TRIALS, manifest(TRIALS))
    assert order == ["journal ADDED", "listener ADDED"]


def test_a_restart_finishes_the_collection_and_the_quota_that_a_crash_cut_short() -> None:
    """The owner's deletion was the last thing that reached the disk."""
    before = Registry()
    trial = before.create(TRIALS, manifest(TRIALS))
    before.create(QUOTAS, manifest(QUOTAS) | {"spec": {"hard": {"requests.nvidia.com/gpu": "2"}}})
    before.create(PODS, manifest(PODS, ownerReferences=owned_by(trial)))
    stored = [(resource, found) for resource, found in before.all() if resource != TRIALS]
    after = Registry()
    after.load(stored, before.resource_version + 1)
    assert after.list(PODS, None, None) == []
    assert after.get(QUOTAS, "lab", "a")["status"]["used"] == {"requests.nvidia.com/gpu": "0"}
    newest = int(after.get(QUOTAS, "lab", "a")["metadata"]["resourceVersion"])
    assert newest > before.resource_version + 1
