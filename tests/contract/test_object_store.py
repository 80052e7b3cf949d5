"""What a reconciler may rely on in any ObjectStore. Each test names what would go wrong without it."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from contract.homes import Home, eventually, gone, pod, quota, reference, study, trial
from stepladder.api import names
from stepladder.control.store import (
    PODS,
    QUOTAS,
    STUDIES,
    TRIALS,
    AlreadyExists,
    Change,
    Conflict,
    Invalid,
    NotFound,
    Object,
    QuotaExceeded,
    Unavailable,
)


async def test_created_object_is_stamped_by_the_server_and_read_back_the_same(home: Home) -> None:
    created = await home.store.create(TRIALS, trial(home.namespace))
    metadata = created["metadata"]
    assert metadata["uid"]
    assert metadata["generation"] == 1
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert await home.store.get(TRIALS, home.namespace, "digits-0") == created


async def test_what_is_not_there_is_not_found_by_any_verb(home: Home) -> None:
    where = (TRIALS, home.namespace, "nobody")
    with pytest.raises(NotFound):
        await home.store.get(*where)
    with pytest.raises(NotFound):
        await home.store.patch(*where, {"spec": {"targetSteps": 20}})
    with pytest.raises(NotFound):
        await home.store.patch_status(*where, {"status": {"steps": 1}})
    with pytest.raises(NotFound):
        await home.store.delete(*where)


async def test_a_name_is_taken_once(home: Home) -> None:
    first = await home.store.create(TRIALS, trial(home.namespace))
    with pytest.raises(AlreadyExists):
        await home.store.create(TRIALS, trial(home.namespace))
    assert (await home.store.get(TRIALS, home.namespace, "digits-0"))["metadata"]["uid"] == first["metadata"]["uid"]


async def test_a_name_made_again_has_another_uid(home: Home) -> None:
    first = await home.store.create(TRIALS, trial(home.namespace))
    await home.store.delete(TRIALS, home.namespace, "digits-0")
    await eventually(lambda: gone(home.store, TRIALS, home.namespace, "digits-0"), "the trial is gone")
    second = await home.store.create(TRIALS, trial(home.namespace))
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


async def test_what_a_caller_does_to_its_copy_never_reaches_the_store(home: Home) -> None:
    manifest = trial(home.namespace)
    created = await home.store.create(TRIALS, manifest)
    manifest["spec"]["parameters"]["learning_rate"] = 99
    created["spec"]["parameters"]["learning_rate"] = 99
    listed = (await home.store.list(TRIALS, home.namespace)).items[0]
    listed["spec"]["parameters"]["learning_rate"] = 99
    read = await home.store.get(TRIALS, home.namespace, "digits-0")
    assert read["spec"]["parameters"]["learning_rate"] == 0.1


# --- the status subresource -------------------------------------------------------------------------------------------


async def test_status_given_at_creation_is_dropped(home: Home) -> None:
    created = await home.store.create(TRIALS, trial(home.namespace) | {"status": {"steps": 7}})
    assert created.get("status", {}).get("steps", 0) == 0


async def test_patch_leaves_the_status_alone_and_counts_a_generation(home: Home) -> None:
    await home.store.create(TRIALS, trial(home.namespace))
    await home.store.patch_status(TRIALS, home.namespace, "digits-0", {"status": {"steps": 5}})
    patched = await home.store.patch(
        TRIALS, home.namespace, "digits-0", {"spec": {"targetSteps": 20}, "status": {"steps": 99}}
    )
    assert patched["spec"]["targetSteps"] == 20
    assert patched["status"]["steps"] == 5
    assert patched["metadata"]["generation"] == 2


async def test_patch_status_leaves_the_spec_and_the_generation_alone(home: Home) -> None:
    await home.store.create(TRIALS, trial(home.namespace))
    patched = await home.store.patch_status(
        TRIALS, home.namespace, "digits-0", {"status": {"steps": 5}, "spec": {"targetSteps": 99}}
    )
    assert patched["status"]["steps"] == 5
    assert patched["spec"]["targetSteps"] == 10
    assert patched["metadata"]["generation"] == 1


async def test_labels_change_without_a_generation(home: Home) -> None:
    await home.store.create(TRIALS, trial(home.namespace))
    patched = await home.store.patch(TRIALS, home.namespace, "digits-0", {"metadata": {"labels": {"a": "b"}}})
    assert patched["metadata"]["labels"] == {"a": "b"}
    assert patched["metadata"]["generation"] == 1


async def test_pods_have_a_status_subresource_too(home: Home) -> None:
    created = await home.store.create(PODS, pod(home.namespace) | {"status": {"phase": "Running"}})
    assert created["status"]["phase"] == "Pending"
    ignored = await home.store.patch(PODS, home.namespace, "digits-0-1", {"status": {"phase": "Running"}})
    assert ignored["status"]["phase"] == "Pending"
    written = await home.store.patch_status(PODS, home.namespace, "digits-0-1", {"status": {"phase": "Running"}})
    assert written["status"]["phase"] == "Running"


# --- patches ----------------------------------------------------------------------------------------------------------


async def test_merge_patch_merges_maps_replaces_lists_and_deletes_nulls(home: Home) -> None:
    await home.store.create(TRIALS, trial(home.namespace, labels={"keep": "1", "drop": "1"}))
    await home.store.patch(TRIALS, home.namespace, "digits-0", {"metadata": {"labels": {"drop": None, "add": "1"}}})
    read = await home.store.get(TRIALS, home.namespace, "digits-0")
    assert read["metadata"]["labels"] == {"keep": "1", "add": "1"}
    for steps in ((1, 2), (3,)):
        status = {"observations": [{"step": step, "value": 0.5} for step in steps]}
        await home.store.patch_status(TRIALS, home.namespace, "digits-0", {"status": status})
    read = await home.store.get(TRIALS, home.namespace, "digits-0")
    assert [o["step"] for o in read["status"]["observations"]] == [3]


async def test_json_patch_tests_adds_replaces_and_removes(home: Home) -> None:
    created = await home.store.create(TRIALS, trial(home.namespace, labels={"drop": "1"}))
    patched = await home.store.patch(
        TRIALS,
        home.namespace,
        "digits-0",
        [
            {"op": "test", "path": "/metadata/resourceVersion", "value": created["metadata"]["resourceVersion"]},
            {"op": "replace", "path": "/spec/targetSteps", "value": 30},
            {"op": "add", "path": "/metadata/labels/example.test~1added", "value": "1"},
            {"op": "remove", "path": "/metadata/labels/drop"},
        ],
    )
    assert patched["spec"]["targetSteps"] == 30
    assert patched["metadata"]["labels"] == {"example.test/added": "1"}


async def test_json_patch_of_a_status_appends_to_a_list(home: Home) -> None:
    await home.store.create(TRIALS, trial(home.namespace))
    await home.store.patch_status(TRIALS, home.namespace, "digits-0", {"status": {"observations": []}})
    for step in (1, 2):
        operation = {"op": "add", "path": "/status/observations/-", "value": {"step": step, "value": 0.5}}
        await home.store.patch_status(TRIALS, home.namespace, "digits-0", [operation])
    read = await home.store.get(TRIALS, home.namespace, "digits-0")
    assert [o["step"] for o in read["status"]["observations"]] == [1, 2]


async def test_json_patch_whose_test_fails_changes_nothing_and_is_a_conflict(home: Home) -> None:
    created = await home.store.create(TRIALS, trial(home.namespace))
    with pytest.raises(Conflict):
        await home.store.patch(
            TRIALS,
            home.namespace,
            "digits-0",
            [
                {"op": "replace", "path": "/spec/targetSteps", "value": 30},
                {"op": "test", "path": "/metadata/resourceVersion", "value": "0"},
            ],
        )
    assert await home.store.get(TRIALS, home.namespace, "digits-0") == created


async def test_a_patch_that_changes_nothing_is_not_a_change(home: Home) -> None:
    """Otherwise a reconciler that writes the same status again wakes itself for ever."""
    created = await home.store.create(TRIALS, trial(home.namespace))
    again = await home.store.patch(TRIALS, home.namespace, "digits-0", {"spec": {"targetSteps": 10}})
    assert again["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


# --- optimistic locking -----------------------------------------------------------------------------------------------


async def test_every_change_has_a_higher_resource_version(home: Home) -> None:
    created = await home.store.create(TRIALS, trial(home.namespace))
    patched = await home.store.patch(TRIALS, home.namespace, "digits-0", {"spec": {"targetSteps": 20}})
    listing = await home.store.list(TRIALS, home.namespace)
    versions = [int(o["metadata"]["resourceVersion"]) for o in (created, patched)]
    assert versions[0] < versions[1] <= listing.resource_version


async def test_a_write_that_was_based_on_an_older_state_is_a_conflict(home: Home) -> None:
    created = await home.store.create(TRIALS, trial(home.namespace))
    stale = created["metadata"]["resourceVersion"]
    newest = await home.store.patch(TRIALS, home.namespace, "digits-0", {"spec": {"targetSteps": 20}})
    where = (TRIALS, home.namespace, "digits-0")
    with pytest.raises(Conflict):
        await home.store.patch(*where, {"spec": {"targetSteps": 30}}, resource_version=stale)
    with pytest.raises(Conflict):
        await home.store.patch_status(*where, {"status": {"steps": 1}}, resource_version=stale)
    with pytest.raises(Conflict):
        await home.store.patch(*where, {"metadata": {"resourceVersion": stale}, "spec": {"targetSteps": 30}})
    assert await home.store.get(*where) == newest


async def test_a_write_based_on_the_newest_state_succeeds(home: Home) -> None:
    created = await home.store.create(TRIALS, trial(home.namespace))
    patched = await home.store.patch_status(
        TRIALS,
        home.namespace,
        "digits-0",
        {"status": {"steps": 1}},
        resource_version=created["metadata"]["resourceVersion"],
    )
    assert patched["status"]["steps"] == 1


async def test_a_delete_meant_for_another_uid_is_a_conflict(home: Home) -> None:
    """Otherwise a late delete ends the successor of the same name."""
    created = await home.store.create(TRIALS, trial(home.namespace))
    with pytest.raises(Conflict):
        await home.store.delete(TRIALS, home.namespace, "digits-0", uid="00000000-0000-0000-0000-000000000000")
    assert await home.store.get(TRIALS, home.namespace, "digits-0") == created
    await home.store.delete(TRIALS, home.namespace, "digits-0", uid=created["metadata"]["uid"])
    await eventually(lambda: gone(home.store, TRIALS, home.namespace, "digits-0"), "the trial is gone")


# --- lists ------------------------------------------------------------------------------------------------------------


async def test_lists_select_by_namespace_and_by_all_labels(home: Home) -> None:
    one, both = {names.STUDY_LABEL: "digits"}, {names.STUDY_LABEL: "digits", names.ROUND_LABEL: "explore"}
    await home.store.create(TRIALS, trial(home.namespace, "a", labels=one))
    await home.store.create(TRIALS, trial(home.namespace, "b", labels=both))
    await home.store.create(TRIALS, trial(home.namespace, "c"))

    async def listed(labels: dict[str, str] | None) -> list[str]:
        return [item["metadata"]["name"] for item in (await home.store.list(TRIALS, home.namespace, labels)).items]

    assert await listed(None) == ["a", "b", "c"]
    assert await listed(one) == ["a", "b"]
    assert await listed(both) == ["b"]
    assert not (await home.store.list(TRIALS, "another-namespace")).items
    assert not (await home.store.list(PODS, home.namespace)).items


async def test_listed_objects_say_what_they_are(home: Home) -> None:
    """A real API server leaves apiVersion and kind out of a list's items; owner references are made of them."""
    await home.store.create(TRIALS, trial(home.namespace))
    item = (await home.store.list(TRIALS, home.namespace)).items[0]
    assert (item["apiVersion"], item["kind"]) == (names.API_VERSION, names.TRIAL_KIND)
    assert item == await home.store.get(TRIALS, home.namespace, "digits-0")


# --- what is refused --------------------------------------------------------------------------------------------------


async def test_names_and_labels_that_kubernetes_refuses_are_invalid(home: Home) -> None:
    with pytest.raises(Invalid):
        await home.store.create(TRIALS, trial(home.namespace, "Upper_Case"))
    with pytest.raises(Invalid):
        await home.store.create(TRIALS, trial(home.namespace, labels={names.STUDY_LABEL: "x" * 64}))
    assert not (await home.store.list(TRIALS, home.namespace)).items


async def test_what_breaks_the_schema_is_invalid_and_names_the_field(home: Home) -> None:
    broken = trial(home.namespace)
    broken["spec"]["targetSteps"] = 0
    with pytest.raises(Invalid, match="targetSteps"):
        await home.store.create(TRIALS, broken)
    await home.store.create(TRIALS, trial(home.namespace))
    with pytest.raises(Invalid, match="steps"):
        await home.store.patch_status(TRIALS, home.namespace, "digits-0", {"status": {"steps": -1}})


async def test_a_rule_over_old_and_new_is_enforced_on_change(home: Home) -> None:
    """`targetSteps` never falls, whoever asks (invariant 4)."""
    await home.store.create(TRIALS, trial(home.namespace))
    await home.store.patch(TRIALS, home.namespace, "digits-0", {"spec": {"targetSteps": 20}})
    with pytest.raises(Invalid, match="targetSteps never falls"):
        await home.store.patch(TRIALS, home.namespace, "digits-0", {"spec": {"targetSteps": 19}})
    assert (await home.store.get(TRIALS, home.namespace, "digits-0"))["spec"]["targetSteps"] == 20


async def test_defaults_are_filled_in(home: Home) -> None:
    created = await home.store.create(STUDIES, study(home.namespace))
    assert created["spec"]["parallelism"] == 1
    assert created["spec"]["objective"]["direction"] == "Minimize"


async def test_a_pods_spec_cannot_be_changed_but_its_deadline_can_be_set(home: Home) -> None:
    """The deadline is how a pod is interrupted without losing its result."""
    await home.store.create(PODS, pod(home.namespace))
    where = (PODS, home.namespace, "digits-0-1")
    with pytest.raises(Invalid):
        await home.store.patch(*where, {"spec": {"terminationGracePeriodSeconds": 5}})
    with pytest.raises(Invalid):
        await home.store.patch(*where, {"spec": {"activeDeadlineSeconds": 0}})
    patched = await home.store.patch(*where, {"spec": {"activeDeadlineSeconds": 5}})
    assert patched["spec"]["activeDeadlineSeconds"] == 5
    with pytest.raises(Invalid):
        await home.store.patch(*where, {"spec": {"activeDeadlineSeconds": 6}})


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


async def test_a_watch_tells_of_studies_trials_pods_and_quotas(home: Home) -> None:
    changes = home.store.changes()
    await home.store.create(STUDIES, study(home.namespace, "a"))
    await home.store.create(TRIALS, trial(home.namespace, "b"))
    await home.store.create(PODS, pod(home.namespace, "c"))
    await home.store.create(QUOTAS, quota(home.namespace, 1, "d"))
    seen: set[str] = set()
    async with asyncio.timeout(30):
        async for change in changes:
            if change.type == "ADDED":
                assert change.object["kind"] == change.resource.kind
                seen.add(change.object["metadata"]["name"])
            if seen >= {"a", "b", "c", "d"}:
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
