"""What a reconciler may rely on in any ObjectStore. Each test names what would go wrong without it."""

import pytest

from contract.homes import Home, eventually, gone, pod, study, trial
from stepladder.api import names
from stepladder.control.store import (
    PODS,
    STUDIES,
    TRIALS,
    AlreadyExists,
    Conflict,
    Invalid,
    NotFound,
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
