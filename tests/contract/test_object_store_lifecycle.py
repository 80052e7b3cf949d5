"""What a store does by itself: counts quota, collects orphans, ends pods gracefully, tells of changes."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from contract.homes import Home, deployment, eventually, gone, pod, quota, reference, service, study, trial
from stepladder.api import names
from stepladder.control.store import (
    DEPLOYMENTS,
    PODS,
    QUOTAS,
    SERVICES,
    STUDIES,
    TRIALS,
    AlreadyExists,
    Change,
    Invalid,
    Object,
    QuotaExceeded,
    Resource,
    Unavailable,
)

# --- quota ------------------------------------------------------------------------------------------------------------


async def _used(home: Home) -> str | None:
    status: Object = (await home.store.get(QUOTAS, home.namespace, "gpus")).get("status") or {}
    used: str | None = (status.get("used") or {}).get(names.GPU_QUOTA_RESOURCE)
    return used


async def _uses(home: Home, gpus: int) -> None:
    async def reached() -> bool:
        return await _used(home) == str(gpus)

    await eventually(reached, f"the quota says that {gpus} GPUs are used")


async def _admits(home: Home, name: str) -> None:
    """What the quota has room for is admitted; not at once, since the quota's own bookkeeping lags and conflicts."""

    async def created() -> bool:
        try:
            await home.store.create(PODS, pod(home.namespace, name, gpus=1))
        except (QuotaExceeded, Unavailable):
            return False
        return True

    await eventually(created, f"the quota admits {name}")


async def test_quota_refuses_the_pod_that_would_exceed_it_in_the_api_servers_words(home: Home) -> None:
    await home.store.create(QUOTAS, quota(home.namespace, 2))
    await _uses(home, 0)
    for name in ("a", "b"):
        await home.store.create(PODS, pod(home.namespace, name, gpus=1))
    with pytest.raises(QuotaExceeded) as refused:
        await home.store.create(PODS, pod(home.namespace, "c", gpus=1))
    assert str(refused.value) == (
        'pods "c" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, '
        "used: requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2"
    )
    await _uses(home, 2)
    assert len((await home.store.list(PODS, home.namespace)).items) == 2


async def test_a_gate_holds_a_pod_and_its_quota_and_can_only_be_taken_away(home: Home) -> None:
    """The pods of a group are counted before the first of them starts."""
    await home.store.create(QUOTAS, quota(home.namespace, 2))
    await _uses(home, 0)
    manifest = pod(home.namespace, "a", gpus=2)
    gates = [{"name": "example.test/mine"}, {"name": "example.test/others"}]
    await home.store.create(PODS, manifest | {"spec": manifest["spec"] | {"schedulingGates": gates}})
    await _uses(home, 2)
    admission: Object = {"metadata": {"annotations": {"a": "b"}}, "spec": {"schedulingGates": gates[1:]}}
    found = await home.store.patch(PODS, home.namespace, "a", admission)
    assert (found["metadata"]["annotations"], found["spec"]["schedulingGates"]) == ({"a": "b"}, gates[1:])
    with pytest.raises(Invalid, match="only deletion is allowed, but found new scheduling gate"):
        await home.store.patch(PODS, home.namespace, "a", {"spec": {"schedulingGates": gates}})
    found = await home.store.patch(PODS, home.namespace, "a", {"spec": {"schedulingGates": None}})
    assert not found["spec"].get("schedulingGates")
    # No node has it, so it goes at once, and its quota with it.
    await home.store.delete(PODS, home.namespace, "a")
    assert await gone(home.store, PODS, home.namespace, "a")
    await _uses(home, 0)


async def test_quota_does_not_concern_pods_without_gpus(home: Home) -> None:
    await home.store.create(QUOTAS, quota(home.namespace, 0))
    await _uses(home, 0)
    await home.store.create(PODS, pod(home.namespace))


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_a_pod_that_has_ended_gives_its_quota_back(home: Home, phase: str) -> None:
    await home.store.create(QUOTAS, quota(home.namespace, 1))
    await _uses(home, 0)
    await home.store.create(PODS, pod(home.namespace, "a", gpus=1))
    await _uses(home, 1)
    await home.store.patch_status(PODS, home.namespace, "a", {"status": {"phase": phase}})
    await _uses(home, 0)
    await _admits(home, "b")


async def test_a_deleted_pod_gives_its_quota_back_and_a_raised_quota_admits_more(home: Home) -> None:
    await home.store.create(QUOTAS, quota(home.namespace, 1))
    await _uses(home, 0)
    await home.store.create(PODS, pod(home.namespace, "a", gpus=1))
    await home.store.delete(PODS, home.namespace, "a")
    await _uses(home, 0)
    await _admits(home, "b")
    await home.store.patch(QUOTAS, home.namespace, "gpus", {"spec": {"hard": {names.GPU_QUOTA_RESOURCE: "2"}}})

    async def raised() -> bool:
        status: Object = (await home.store.get(QUOTAS, home.namespace, "gpus"))["status"]
        return bool(status["hard"][names.GPU_QUOTA_RESOURCE] == "2")

    await eventually(raised, "the quota's status shows what it was raised to")
    await _admits(home, "c")


# --- owners -----------------------------------------------------------------------------------------------------------


async def test_deleting_a_study_deletes_its_trials_and_their_pods_and_nobody_elses(home: Home) -> None:
    owner = await home.store.create(STUDIES, study(home.namespace))
    child = await home.store.create(TRIALS, trial(home.namespace, "owned", owner))
    await home.store.create(PODS, pod(home.namespace, "grandchild", child))
    await home.store.create(TRIALS, trial(home.namespace, "free"))
    await home.store.delete(STUDIES, home.namespace, "digits")
    for resource, name in ((STUDIES, "digits"), (TRIALS, "owned"), (PODS, "grandchild")):
        await eventually(partial(gone, home.store, resource, home.namespace, name), f"{name} is gone")
    assert not await gone(home.store, TRIALS, home.namespace, "free")


async def test_a_trial_made_after_its_study_has_gone_is_collected(home: Home) -> None:
    """A controller may create a child from a stale read."""
    owner = await home.store.create(STUDIES, study(home.namespace))
    await home.store.delete(STUDIES, home.namespace, "digits")
    await eventually(lambda: gone(home.store, STUDIES, home.namespace, "digits"), "the study is gone")
    await home.store.create(TRIALS, trial(home.namespace, "late", owner))
    await eventually(lambda: gone(home.store, TRIALS, home.namespace, "late"), "the orphan is gone")


async def test_a_study_made_again_under_the_same_name_does_not_keep_the_old_trials(home: Home) -> None:
    owner = await home.store.create(STUDIES, study(home.namespace))
    await home.store.create(TRIALS, trial(home.namespace, "old", owner))
    await home.store.delete(STUDIES, home.namespace, "digits")
    await eventually(lambda: gone(home.store, STUDIES, home.namespace, "digits"), "the study is gone")
    await home.store.create(STUDIES, study(home.namespace))
    await eventually(lambda: gone(home.store, TRIALS, home.namespace, "old"), "the old study's trial is gone")


async def test_a_trial_with_two_owners_lives_as_long_as_one_of_them(home: Home) -> None:
    first = await home.store.create(STUDIES, study(home.namespace, "first"))
    second = await home.store.create(STUDIES, study(home.namespace, "second"))
    owners = [reference(first), reference(second) | {"controller": False}]
    await home.store.create(TRIALS, trial(home.namespace, "shared", ownerReferences=owners))
    await home.store.delete(STUDIES, home.namespace, "first")
    await eventually(lambda: gone(home.store, STUDIES, home.namespace, "first"), "the first owner is gone")
    assert not await gone(home.store, TRIALS, home.namespace, "shared")
    await home.store.delete(STUDIES, home.namespace, "second")
    await eventually(lambda: gone(home.store, TRIALS, home.namespace, "shared"), "the shared trial is gone")


# --- deletion of pods -------------------------------------------------------------------------------------------------


async def test_a_pod_that_no_node_has_is_deleted_at_once(home: Home) -> None:
    await home.store.create(PODS, pod(home.namespace))
    await home.store.delete(PODS, home.namespace, "digits-0-1")
    await eventually(lambda: gone(home.store, PODS, home.namespace, "digits-0-1"), "the pod is gone")


async def test_a_pod_on_a_node_stays_with_its_result_until_the_node_lets_it_go(home: Home) -> None:
    """Between the two the trainer saves its checkpoint, and its last words are there to be read."""
    await home.store.create(PODS, pod(home.namespace))
    await home.bind("digits-0-1")
    await home.store.delete(PODS, home.namespace, "digits-0-1")
    leaving = await home.store.get(PODS, home.namespace, "digits-0-1")
    assert leaving["metadata"]["deletionTimestamp"]
    assert leaving["metadata"]["deletionGracePeriodSeconds"] == 30
    with pytest.raises(AlreadyExists):
        await home.store.create(PODS, pod(home.namespace))
    ended = await home.store.patch_status(PODS, home.namespace, "digits-0-1", {"status": {"phase": "Failed"}})
    assert ended["status"]["phase"] == "Failed"
    assert not await gone(home.store, PODS, home.namespace, "digits-0-1")
    await home.finish("digits-0-1")
    await eventually(lambda: gone(home.store, PODS, home.namespace, "digits-0-1"), "the pod is gone")


async def test_a_pod_that_has_ended_is_deleted_at_once(home: Home) -> None:
    await home.store.create(PODS, pod(home.namespace))
    await home.bind("digits-0-1")
    await home.store.patch_status(PODS, home.namespace, "digits-0-1", {"status": {"phase": "Succeeded"}})
    await home.store.delete(PODS, home.namespace, "digits-0-1")
    await eventually(lambda: gone(home.store, PODS, home.namespace, "digits-0-1"), "the pod is gone")


# --- watch ------------------------------------------------------------------------------------------------------------


async def _until(changes: AsyncIterator[Change], kind: str, name: str) -> list[tuple[str, str]]:
    """What was seen (type and name) up to the change waited for. Fails after a while without it."""
    seen: list[tuple[str, str]] = []
    async with asyncio.timeout(30):
        async for change in changes:
            seen.append((change.type, change.object["metadata"]["name"]))
            if seen[-1] == (kind, name):
                return seen
    raise AssertionError(f"the watch ended after {seen}")


async def test_a_watch_tells_of_every_change_since_it_began_in_order(home: Home) -> None:
    await home.store.create(TRIALS, trial(home.namespace, "before"))
    changes = home.store.changes()
    seen: asyncio.Task[list[tuple[str, str]]] = asyncio.ensure_future(_until(changes, "DELETED", "digits-0"))
    await asyncio.sleep(0)
    await home.store.create(TRIALS, trial(home.namespace))
    await home.store.patch(TRIALS, home.namespace, "digits-0", {"spec": {"targetSteps": 20}})
    await home.store.patch_status(TRIALS, home.namespace, "digits-0", {"status": {"steps": 1}})
    await home.store.delete(TRIALS, home.namespace, "digits-0")
    assert [kind for kind, name in await seen if name == "digits-0"] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]


async def test_a_watch_tells_of_every_kind_that_a_study_has(home: Home) -> None:
    changes = home.store.changes()
    await home.store.create(STUDIES, study(home.namespace, "a"))
    await home.store.create(TRIALS, trial(home.namespace, "b"))
    await home.store.create(PODS, pod(home.namespace, "c"))
    await home.store.create(QUOTAS, quota(home.namespace, 1, "d"))
    await home.store.create(DEPLOYMENTS, deployment(home.namespace, "e"))
    await home.store.create(SERVICES, service(home.namespace, "f"))
    seen: set[str] = set()
    async with asyncio.timeout(30):
        async for change in changes:
            if change.type == "ADDED":
                assert change.object["kind"] == change.resource.kind
                seen.add(change.object["metadata"]["name"])
            if seen >= {"a", "b", "c", "d", "e", "f"}:
                return


async def test_a_watch_carries_the_last_state_of_what_was_deleted(home: Home) -> None:
    changes = home.store.changes()
    created = await home.store.create(TRIALS, trial(home.namespace, labels={names.STUDY_LABEL: "digits"}))
    await home.store.delete(TRIALS, home.namespace, "digits-0")
    async with asyncio.timeout(30):
        async for change in changes:
            if change.type == "DELETED":
                assert change.object["metadata"]["uid"] == created["metadata"]["uid"]
                assert change.object["metadata"]["labels"] == {names.STUDY_LABEL: "digits"}
                return


async def test_every_subscriber_sees_every_change(home: Home) -> None:
    subscribers = [home.store.changes() for _ in range(3)]
    await home.store.create(TRIALS, trial(home.namespace))
    for changes in subscribers:
        assert ("ADDED", "digits-0") in await _until(changes, "ADDED", "digits-0")


# --- what serves a study's model --------------------------------------------------------------------------------------


async def test_what_a_deployment_and_a_service_are_made_from_is_replaced_field_by_field(home: Home) -> None:
    """Catches a patch that a real API server refuses, since a Service's address cannot change."""
    await home.store.create(DEPLOYMENTS, deployment(home.namespace))
    made = await home.store.create(SERVICES, service(home.namespace))
    ports = [{"name": "http", "port": 9000, "targetPort": 9000, "protocol": "TCP"}]
    changes: dict[Resource, tuple[str, Any]] = {DEPLOYMENTS: ("replicas", 2), SERVICES: ("ports", ports)}
    for resource, (field, value) in changes.items():
        patch: list[Object] = [
            {"op": "add", "path": "/metadata/annotations", "value": {"made-of": "another"}},
            {"op": "add", "path": f"/spec/{field}", "value": value},
        ]
        written = await home.store.patch(resource, home.namespace, "digits", patch)
        assert written["spec"][field] == value
        assert written["metadata"]["annotations"]["made-of"] == "another"
    read = await home.store.get(SERVICES, home.namespace, "digits")
    assert read["spec"].get("clusterIP") == made["spec"].get("clusterIP")


async def test_a_deployment_and_a_service_go_with_their_study(home: Home) -> None:
    owner = await home.store.create(STUDIES, study(home.namespace))
    await home.store.create(DEPLOYMENTS, deployment(home.namespace, owner=owner))
    await home.store.create(SERVICES, service(home.namespace, owner=owner))
    await home.store.delete(STUDIES, home.namespace, "digits")
    for resource in (DEPLOYMENTS, SERVICES):
        await eventually(partial(gone, home.store, resource, home.namespace, "digits"), f"the {resource.kind} is gone")
