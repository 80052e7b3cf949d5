"""What goes wrong on the way, one test per row of the table in docs/architecture.md, and what people do meanwhile."""

import asyncio
from typing import Any

import pytest

from control.kubelet import Ending
from control.world import NAME, NAMESPACE, Report, play, study
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.store import CLAIMS, EVENTS, PODS, QUOTAS, STUDIES, TRIALS, Object
from stepladder.local.store import MemoryStore


@pytest.fixture(scope="module")
def undisturbed() -> Report:
    return play()


def quota(gpus: int) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "gpus", "namespace": NAMESPACE},
        "spec": {"hard": {names.GPU_QUOTA_RESOURCE: str(gpus)}},
    }


def gpu_study(**overrides: Any) -> Object:
    limits = {"limits": {names.GPU_RESOURCE: 1}}
    container = {"name": "trainer", "image": "trainer", "resources": limits}
    return study(trainer={"template": {"spec": {"containers": [container]}}}, **overrides)


def condition(status: dict[str, Any], kind: ConditionType) -> dict[str, Any]:
    return next(c for c in status["conditions"] if c["type"] == kind)


async def events(store: MemoryStore) -> list[str]:
    return [e["reason"] for e in (await store.list(EVENTS, NAMESPACE)).items]


class Once:
    """Ends the first pod of one trial in a given way."""

    def __init__(self, number: int, ending: Ending, times: int = 1) -> None:
        self._number, self._ending, self._left = number, ending, times

    def __call__(self, document: dict[str, Any]) -> Ending | None:
        if document["number"] != self._number or not self._left:
            return None
        self._left -= 1
        return self._ending


def test_an_unexplained_error_is_retried_from_the_checkpoint(undisturbed: Report) -> None:
    report = play(script=Once(3, Ending(exit_code=1), times=3))
    assert report.outcome == undisturbed.outcome


def test_retries_run_out_and_the_study_goes_on_without_the_trial(undisturbed: Report) -> None:
    report = play(script=Once(3, Ending(exit_code=1), times=99))
    assert report.trials["study-3"]["outcome"] == "Failed"
    assert report.phase == "Succeeded"
    assert report.status["trials"]["failed"] == 1


def test_a_study_none_of_whose_trials_trains_says_why() -> None:
    """Catches a study that shows Running while its only trial backs off, or cannot start."""
    seen: dict[str, Any] = {}

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(5)
        status = (await store.get(STUDIES, NAMESPACE, NAME))["status"]
        seen["degraded"] = condition(status, ConditionType.DEGRADED)
        seen["saved"] = status["saved"]

    report = play(script=Once(0, Ending(exit_code=1)), meddle=meddle)
    assert (seen["degraded"]["status"], seen["degraded"]["reason"]) == ("True", "NoTrialTrains")
    assert "study-0: retried at" in seen["degraded"]["message"]
    assert seen["saved"] == "", "nothing was trained, so nothing was saved"
    assert condition(report.status, ConditionType.DEGRADED)["status"] == "False"


def test_a_corrected_template_reaches_a_pod_that_still_waits() -> None:
    """Catches a study that waits for an image that is not there after its name has been corrected."""

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(30)
        assert (await store.list(PODS, NAMESPACE)).items[0]["spec"]["containers"][0]["image"] == "wrong"
        corrected = {"template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}}
        await store.patch(STUDIES, NAMESPACE, NAME, {"spec": {"trainer": corrected}})

    wrong = {"template": {"spec": {"containers": [{"name": "trainer", "image": "wrong"}]}}}
    report = play(study(trainer=wrong), meddle=meddle)
    assert (report.phase, report.trained_steps) == ("Succeeded", 210)


def test_a_failed_study_names_the_cause() -> None:
    report = play(study(failurePolicy={"maxFailedTrials": 0, "maxRetries": 0}), script=lambda _: Ending(exit_code=1))
    assert "study-0: simulated" in condition(report.status, ConditionType.SUCCEEDED)["message"]


def test_too_many_failures_end_the_study() -> None:
    report = play(study(failurePolicy={"maxFailedTrials": 2, "maxRetries": 0}), script=lambda _: Ending(exit_code=1))
    assert (report.phase, report.reason) == ("Failed", "TooManyFailures")
    assert report.status["trials"]["failed"] == 3
    assert report.live_pods == 0


@pytest.mark.parametrize(("code", "outcome"), [(65, "Infeasible"), (78, "Failed"), (71, "Failed")])
def test_an_end_that_a_retry_cannot_mend_is_final(code: int, outcome: str) -> None:
    report = play(script=Once(7, Ending(exit_code=code, steps=5), times=99))
    assert report.trials["study-7"]["outcome"] == outcome
    assert report.best is not None
    assert report.best["trial"] != "study-7"


def test_all_infeasible_ends_failed_with_the_count() -> None:
    report = play(script=lambda _: Ending(exit_code=65, steps=3))
    assert (report.phase, report.reason) == ("Failed", "NoResult")
    assert report.status["trials"]["infeasible"] == 9
    assert report.best is None


def test_sigterm_honoured_is_resumed_without_training_a_step_twice(undisturbed: Report) -> None:
    report = play(script=Once(3, Ending(exit_code=75, steps=4, saves=True)))
    assert report.outcome == undisturbed.outcome


def test_a_pod_that_vanishes_with_its_result_is_resumed(undisturbed: Report) -> None:
    """Catches a result that is believed only if its pod was seen to end."""
    report = play(script=Once(3, Ending(exit_code=0, steps=10, saves=True, vanishes=True)))
    assert report.outcome == undisturbed.outcome


def test_disruptions_never_count_as_failures(undisturbed: Report) -> None:
    report = play(script=Once(3, Ending(exit_code=75, steps=1, saves=True), times=8))
    assert report.trials["study-3"]["outcome"] == undisturbed.trials["study-3"]["outcome"]
    assert report.status["trials"]["failed"] == 0
    assert report.trained_steps == undisturbed.trained_steps


def test_a_pod_deleted_by_someone_is_resumed(undisturbed: Report) -> None:
    async def meddle(store: MemoryStore) -> None:
        while True:
            await asyncio.sleep(0.3)
            for pod in (await store.list(PODS, NAMESPACE)).items:
                if pod["metadata"]["name"] == "study-4-1" and pod["status"].get("phase") == "Running":
                    await store.delete(PODS, NAMESPACE, "study-4-1")
                    return

    report = play(meddle=meddle)
    assert report.outcome == undisturbed.outcome
    assert report.trials_seen_twice == []


def test_exit_zero_without_the_metric_names_the_metric() -> None:
    report = play(study(failurePolicy={"maxFailedTrials": 0}), script=lambda _: Ending(exit_code=0, steps=10))
    assert (report.phase, report.reason) == ("Failed", "TooManyFailures")


def test_quota_is_never_exceeded_and_no_trial_fails() -> None:
    report = play(gpu_study(parallelism=8), extra=((QUOTAS, quota(2)),))
    assert report.phase == "Succeeded"
    assert report.most_at_once == 2
    assert report.status["trials"]["failed"] == 0
    assert report.trained_steps == 210


def test_raised_quota_is_used_without_waiting_for_a_timer() -> None:
    """Catches a wait that only the periodic list ends: the lists are 48 seconds apart at least."""
    seen: dict[str, Any] = {}

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(1.5)
        found = (await store.list(TRIALS, NAMESPACE)).items
        waiting = [t for t in found if condition(t["status"], ConditionType.QUOTA_EXCEEDED)["status"] == "True"]
        seen["waiting"] = len(waiting)
        seen["events"] = await events(store)
        study_now = await store.get(STUDIES, NAMESPACE, NAME)
        seen["study"] = condition(study_now["status"], ConditionType.QUOTA_EXCEEDED)["status"]
        await store.patch(QUOTAS, NAMESPACE, "gpus", {"spec": {"hard": {names.GPU_QUOTA_RESOURCE: "4"}}})
        await asyncio.sleep(0.2)
        seen["pods"] = sum(p["status"]["phase"] == "Running" for p in (await store.list(PODS, NAMESPACE)).items)

    report = play(gpu_study(parallelism=8), extra=((QUOTAS, quota(2)),), meddle=meddle)
    assert seen["waiting"] == 6
    assert seen["study"] == "True"
    assert "QuotaExceeded" in seen["events"]
    assert seen["pods"] == 4
    assert report.most_at_once == 4


def test_a_quota_too_small_for_one_trial_says_so() -> None:
    seen: dict[str, Any] = {}

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(5)
        trial = (await store.list(TRIALS, NAMESPACE)).items[0]
        seen["message"] = condition(trial["status"], ConditionType.QUOTA_EXCEEDED)["message"]

    report = play(gpu_study(), extra=((QUOTAS, quota(0)),), meddle=meddle, seconds=50)
    assert "allows 0 GPUs and one trial needs 1" in seen["message"]
    assert report.trained_steps == 0
    assert report.phase == "Running"


def test_suspended_trials_are_saved_and_go_on(undisturbed: Report) -> None:
    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(3)
        await store.patch(STUDIES, NAMESPACE, NAME, {"spec": {"suspend": True}})
        await asyncio.sleep(60)
        pods = (await store.list(PODS, NAMESPACE)).items
        assert all(p["status"]["phase"] in ("Succeeded", "Failed") for p in pods)
        assert (await store.get(STUDIES, NAMESPACE, NAME))["status"]["phase"] == "Suspended"
        await store.patch(STUDIES, NAMESPACE, NAME, {"spec": {"suspend": False}})

    assert play(meddle=meddle).outcome == undisturbed.outcome


def test_lowered_parallelism_pauses_and_nothing_is_lost() -> None:
    most: list[int] = []

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(1.5)
        await store.patch(STUDIES, NAMESPACE, NAME, {"spec": {"parallelism": 1}})
        await asyncio.sleep(1)
        for _ in range(20):
            await asyncio.sleep(0.5)
            pods = (await store.list(PODS, NAMESPACE)).items
            most.append(sum(p["status"]["phase"] == "Running" for p in pods))

    report = play(study(parallelism=6), meddle=meddle)
    assert report.phase == "Succeeded"
    assert max(most) == 1
    assert report.trained_steps == 210


def two_rounds(**final: Any) -> Object:
    schedule = {"name": "schedule", "role": "Fixed", "value": "constant"}
    manifest = study(parameters=[*study()["spec"]["parameters"], schedule])
    manifest["spec"]["rounds"].append(
        {"name": "final", "from": {"round": "explore", "best": 2}, "maxSteps": 200, "repeats": 3, **final}
    )
    return manifest


def test_a_second_round_starts_from_the_best_and_reports_the_spread(undisturbed: Report) -> None:
    report = play(two_rounds(parameters=[{"name": "schedule", "value": "cosine"}]))
    final = [t for t in report.trials.values() if t["round"] == "final"]
    assert (report.phase, len(final)) == ("Succeeded", 6)
    assert report.trained_steps == 210 + 6 * 200
    assert len({t["seed"] for t in final}) == 6
    assert {t["parameters"]["schedule"] for t in final} == {"cosine"}
    assert undisturbed.best is not None
    assert sum(t["parameters"]["x"] == undisturbed.best["parameters"]["x"] for t in final) == 3
    spread = report.status["rounds"][1]["spread"]
    values = [t["best"]["value"] for t in final if t["parameters"]["x"] == undisturbed.best["parameters"]["x"]]
    assert spread["repeats"] == 3
    assert spread["mean"] == pytest.approx(sum(values) / 3)
    assert spread["standardDeviation"] > 0


def test_a_budget_of_steps_ends_the_study_with_its_best() -> None:
    report = play(study(budget={"trainedSteps": 100}))
    assert (report.phase, report.reason) == ("Succeeded", "BudgetExhausted")
    assert 100 <= report.trained_steps <= 110
    assert condition(report.status, ConditionType.BUDGET_EXHAUSTED)["status"] == "True"


def test_a_deadline_ends_the_study_and_its_pods() -> None:
    report = play(study(budget={"activeDeadlineSeconds": 12}))
    assert report.reason == "BudgetExhausted"
    assert report.live_pods == 0
    assert report.trained_steps < 210


def test_the_target_ends_the_study() -> None:
    report = play(study(objective={"metric": "validation_error", "direction": "Minimize", "target": 0.5}))
    assert (report.phase, report.reason) == ("Succeeded", "TargetReached")
    assert report.trained_steps < 210
    assert report.live_pods == 0


def test_a_missing_claim_costs_nothing_and_is_waited_for(undisturbed: Report) -> None:
    manifest = study()
    manifest["spec"]["trainer"]["checkpoints"] = {"persistentVolumeClaim": {"claimName": "missing"}}

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(30)
        status = (await store.get(STUDIES, NAMESPACE, NAME))["status"]
        degraded = condition(status, ConditionType.DEGRADED)
        assert (degraded["status"], degraded["reason"]) == ("True", "ClaimNotFound")
        assert "missing" in degraded["message"]
        assert (await store.list(TRIALS, NAMESPACE)).items == ()
        claim = {"metadata": {"name": "missing", "namespace": NAMESPACE}, "spec": {}}
        await store.create(CLAIMS, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim})

    report = play(manifest, meddle=meddle)
    assert report.trained_steps == undisturbed.trained_steps
    assert condition(report.status, ConditionType.DEGRADED)["status"] == "False"


def test_a_trial_deleted_by_hand_is_made_again(undisturbed: Report) -> None:
    """Catches numbering by counting, which would collide with the trials that are still there."""

    async def meddle(store: MemoryStore) -> None:
        while True:
            await asyncio.sleep(0.5)
            names_ = {t["metadata"]["name"] for t in (await store.list(TRIALS, NAMESPACE)).items}
            if "study-5" in names_:
                await store.delete(TRIALS, NAMESPACE, "study-2")
                return

    report = play(meddle=meddle)
    assert report.phase == "Succeeded"
    assert set(report.trials) == set(undisturbed.trials)
    assert all(t["parameters"] for t in report.trials.values())


def test_a_study_that_cannot_be_read_does_not_keep_others_from_running(undisturbed: Report) -> None:
    broken = study()
    broken["metadata"]["name"] = "broken"
    broken["spec"]["parameters"] = [{"name": "x", "categorical": {"values": [{"an": "object"}]}}]
    seen: dict[str, Any] = {}

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(10)
        status = (await store.get(STUDIES, NAMESPACE, "broken"))["status"]
        seen["accepted"] = condition(status, ConditionType.ACCEPTED)
        seen["trials"] = (await store.list(TRIALS, NAMESPACE, {names.STUDY_LABEL: "broken"})).items

    report = play(extra=((STUDIES, broken),), meddle=meddle)
    assert report.outcome == undisturbed.outcome
    assert (seen["accepted"]["status"], seen["trials"]) == ("False", ())
    assert "parameters" in seen["accepted"]["message"]


def test_advice_is_told_once_and_stops_nothing() -> None:
    seen: dict[str, Any] = {}
    batch = {"name": "batch_size", "categorical": {"values": [32, 64]}}

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(10)
        found = [e for e in (await store.list(EVENTS, NAMESPACE)).items if e["reason"] == "Advice"]
        seen["advice"] = [(e["count"], e["message"]) for e in found]

    report = play(study(parameters=[*study()["spec"]["parameters"], batch]), meddle=meddle)
    assert report.phase == "Succeeded"
    assert {count for count, _ in seen["advice"]} == {1}
    assert any("batch_size" in message for _, message in seen["advice"])


def test_a_trial_applied_by_hand_needs_no_study() -> None:
    seen: dict[str, Any] = {}
    by_hand = {
        "apiVersion": TRIALS.api_version,
        "kind": TRIALS.kind,
        "metadata": {"name": "by-hand", "namespace": NAMESPACE},
        "spec": {
            "parameters": {"x": 0.5},
            "targetSteps": 40,
            "horizonSteps": 40,
            "objective": {"metric": "validation_error", "direction": "Minimize"},
            "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}},
        },
    }

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(30)
        seen["trial"] = await store.get(TRIALS, NAMESPACE, "by-hand")

    play(extra=((TRIALS, by_hand),), meddle=meddle)
    assert seen["trial"]["status"]["phase"] == "Completed"


def test_deleting_a_study_takes_its_trials_and_pods() -> None:
    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(5)
        await store.delete(STUDIES, NAMESPACE, NAME)
        await asyncio.sleep(60)
        assert (await store.list(TRIALS, NAMESPACE)).items == ()
        assert (await store.list(PODS, NAMESPACE)).items == ()
        await store.create(STUDIES, study())

    report = play(meddle=meddle)
    assert report.phase == "Succeeded"
