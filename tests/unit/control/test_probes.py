"""Probe rounds through the whole controller, and what of a trainer's verdict is believed."""

import asyncio
import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control import samples
from control.kubelet import Disk, Ending, SimulatedKubelet, objective, verdict
from control.samples import ended, pod, pod_view, situation, trial_spec
from control.virtual import VirtualClock, run
from control.world import NAMESPACE, Report, play, study
from stepladder.api.probes import Probe, ProbeType, ProbeVerdict
from stepladder.api.trial import EndReason, Outcome, TrialStatus
from stepladder.control.controller import Controller
from stepladder.control.members import member
from stepladder.control.pod_builder import Carrier, trial_document
from stepladder.control.pod_group import Stage
from stepladder.control.probe_verdict import probe_verdict
from stepladder.control.segment_end import SegmentEnd, segment_end
from stepladder.control.segments import Decision, decide
from stepladder.control.store import EVENTS, STUDIES, TRIALS, Object
from stepladder.control.trial_status import describe
from stepladder.engine.reading import read
from stepladder.local.admission import admit
from stepladder.local.store import MemoryStore
from stepladder.search.record import OptunaRecord

INSTABILITY = {"type": "Instability", "instability": {"factors": [2, 5]}}
SEARCH: dict[str, Any] = {"name": "search", "trials": 4, "maxSteps": 30}
BEYOND: dict[str, Any] = {"name": "beyond", "from": {"round": "search"}, "maxSteps": 10, "probe": INSTABILITY}


def test_a_probe_of_the_best_is_told_in_the_status_and_leaves_the_best_alone() -> None:
    """The probe's trainer reports better values than any trial: at learning rates that nobody trains with."""
    report = play(
        study(rounds=[SEARCH, BEYOND, BEYOND | {"name": "again"}]),
        curve=lambda document, step: -1.0 if "probe" in document else objective(document, step),
    )
    assert (report.phase, report.reason) == ("Succeeded", "RoundsCompleted")
    best = min((f"study-{n}" for n in range(4)), key=lambda name: report.trials[name]["best"]["value"])
    assert report.best is not None
    assert report.best["trial"] == best
    probe = report.trials["study-4"]
    assert (probe["parameters"], probe["outcome"]) == (report.trials[best]["parameters"], "Completed")
    assert (probe["best"], probe["observations"]) == (None, None) or (probe["best"], probe["observations"]) == (
        None,
        [],
    )
    _, beyond, again = report.status["rounds"]
    assert beyond["verdict"]["suggestions"] == {"learning_rate": 0.01}
    assert "best" not in beyond
    assert again["verdict"] != beyond["verdict"], "each of its own trial"
    assert len(report.trials) == 6


def test_the_baseline_is_what_is_measured() -> None:
    sampler = {"algorithm": "OneAtATime", "oneAtATime": {"baseline": [{"name": "x", "value": 0.7}]}}
    round_ = {"name": "range", "maxSteps": 20, "probe": {"type": "LearningRateRange"}, "sampler": sampler}
    report = play(study(rounds=[round_]))
    assert [trial["parameters"] for trial in report.trials.values()] == [{"x": 0.7}]
    assert (report.phase, report.best, report.status["saved"]) == ("Succeeded", None, "0%")
    (message,) = [c["message"] for c in report.status["conditions"] if c["type"] == "Succeeded"]
    assert message == "The round is done. range: A learning rate of 0.01 suits {'x': 0.7}."


def test_an_interrupted_probe_goes_on_although_its_target_was_evaluated() -> None:
    """Several runs of maxSteps each: the objective at maxSteps is there long before the verdict is."""
    tried: list[int] = []

    def script(document: dict[str, Any]) -> Ending | None:
        tried.append(document["attempt"])
        return Ending(75, steps=20, saves=True) if document["attempt"] == 1 else None

    sampler = {"algorithm": "Explicit", "explicit": {"configurations": [{"x": 0.7}]}}
    round_ = {"name": "beyond", "maxSteps": 20, "probe": INSTABILITY, "sampler": sampler}
    report = play(study(rounds=[round_]), script=script)
    assert (tried, report.phase) == ([1, 2], "Succeeded")


def test_the_end_of_a_probe_is_told_once() -> None:
    async def told() -> list[tuple[str, int]]:
        clock = VirtualClock()
        store = MemoryStore(clock=clock.now)
        nodes = asyncio.create_task(SimulatedKubelet(store, Disk()).run())
        await asyncio.sleep(0)
        await store.create(STUDIES, study(rounds=[SEARCH, BEYOND, SEARCH | {"name": "more"}]))
        controller = Controller(store, record=OptunaRecord("memory://"), clock=clock)
        running = asyncio.create_task(controller.run())
        await asyncio.sleep(300)
        running.cancel()
        nodes.cancel()
        found = (await store.list(EVENTS, NAMESPACE)).items
        return [(event["message"], event["count"]) for event in found if event["reason"] == "ProbeEnded"]

    ((message, count),) = run(told())
    assert message.startswith("round beyond: A learning rate of 0.01 suits {'x': ")
    assert count == 1


@pytest.mark.parametrize("said", [None, "rubbish", {"type": "Fortune"}, {"type": "Throughput", "summary": "fast"}])
def test_a_trainer_that_knows_no_probes_fails_with_a_sentence(said: object) -> None:
    end = segment_end(pod(status=ended(0, {"step": 30, "value": 0.1, "verdict": said})))
    assert end is not None
    decision = probing(end)
    assert decision.status.outcome is Outcome.FAILED
    assert decision.status.attempts[0].reason is EndReason.CONFIGURATION_ERROR
    assert "asked for Instability: use Stepladder's trainer" in decision.status.attempts[0].message


def test_a_probe_needs_no_objective_and_keeps_none() -> None:
    said = {"step": 30, "value": 0.1, "evaluations": [[30, 0.1]], "verdict": {"type": "Instability", "summary": "fine"}}
    for words in (said, {"verdict": said["verdict"]}):
        end = segment_end(pod(status=ended(0, words)))
        assert end is not None
        status = probing(end).status
        assert (status.outcome, status.observations, status.best) == (Outcome.COMPLETED, (), None)
        assert status.verdict == ProbeVerdict(type=ProbeType.INSTABILITY, summary="fine")


def test_a_verdict_of_a_trial_that_is_no_probe_is_not_kept() -> None:
    end = segment_end(pod(status=ended(0, {"step": 30, "value": 0.1, "verdict": verdict(probing_document())})))
    assert end is not None
    assert decide(situation(pod_view(stage=Stage.ENDED, end=end))).status.verdict is None


def test_told_to_end_without_a_verdict_it_goes_on_later() -> None:
    """A foreign image that exits with 0 at SIGTERM has not failed."""
    decision = probing(SegmentEnd(EndReason.COMPLETED, exit_code=0, disrupted=True))
    assert (decision.status.outcome, decision.status.attempts[0].reason) == (None, EndReason.DISRUPTED)
    assert decision.create == 2


def probing(end: SegmentEnd) -> Decision:
    spec = trial_spec(probe=Probe.model_validate(INSTABILITY), target_steps=90)
    return decide(situation(pod_view(stage=Stage.ENDED, end=end, target_steps=90), spec=spec))


def probing_document() -> dict[str, Any]:
    trial = samples.trial()
    given = read(samples.study()["spec"])
    spec = trial_spec(probe=Probe.model_validate(INSTABILITY))
    document: dict[str, Any] = json.loads(trial_document(Carrier(trial, spec, given.objective, given.trainer), 1))
    return document


def test_the_trainer_is_told_type_and_options_side_by_side() -> None:
    assert probing_document()["probe"] == {"type": "Instability", "factors": [2.0, 5.0]}
    plain = read(samples.study()["spec"])
    told = trial_document(Carrier(samples.trial(), trial_spec(), plain.objective, plain.trainer), 1)
    assert "probe" not in json.loads(told)


def standalone() -> Object:
    spec = trial_spec(study=None, objective={"metric": "m"}, trainer=samples.study()["spec"]["trainer"])
    return admit(TRIALS, {**samples.trial(), "spec": spec.wire()}, None)


TRIAL = standalone()  # not in the test: CEL's parser moves Python's recursion limit when it is first used
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["type", "summary", "suggestions", "flags", "picture", "data", "key", "measuredOn", "other"])


@settings(max_examples=40)  # each goes through the CRD's own rules
@given(st.dictionaries(FIELDS, JSON | st.sampled_from([*ProbeType, "x" * 5000, ["y" * 5000] * 40])), JSON)
def test_whatever_an_image_sends_can_be_stored(fields: dict[str, Any], anything: Any) -> None:
    """A status that the API server refuses would keep the trial from ever ending."""
    assert probe_verdict(anything) is None or isinstance(anything, dict)
    found = probe_verdict(fields | {"type": "Warmup"})
    assert found is not None
    stored = TrialStatus(outcome=Outcome.COMPLETED, verdict=found)
    admit(TRIALS, {**TRIAL, "status": stored.wire()}, TRIAL)


def test_what_is_of_use_in_a_verdict_is_kept() -> None:
    found = probe_verdict(
        {
            "type": "LearningRateRange",
            "summary": "Two\nlines.",
            "suggestions": {"learning_rate": 0.01, "none": None, "nan": float("nan"), "yes": True, "text": "x"},
            "flags": ["InputBound", "InputBound", 3, ""],
            "picture": "s3://b/range.svg",
            "data": "/c/" + "d" * 1024,
            "key": "3f2a",
            "measuredOn": 7,
        }
    )
    assert found == ProbeVerdict(
        type=ProbeType.LEARNING_RATE_RANGE,
        summary="Two lines.",
        suggestions={"learning_rate": 0.01},
        flags=("InputBound",),
        picture="s3://b/range.svg",
        key="3f2a",
    )


SMALL = [SEARCH | {"trials": 2}, BEYOND | {"repeats": 2}]


@cache
def undisturbed() -> Report:
    return play(study(rounds=SMALL))


@pytest.mark.long
@pytest.mark.parametrize("write", range(1, len(undisturbed().writes) + 1))
def test_killed_after_any_write_the_verdict_is_the_same(write: int) -> None:
    """Promise 7. Catches a verdict that is lost with the pod that said it, and a probe that is measured twice."""
    report = play(study(rounds=SMALL), killed_after=write)
    assert (report.lives, report.outcome) == (2, undisturbed().outcome), report.writes[-1]
    assert _said(report) == _said(undisturbed()), report.writes[-1]


def _said(report: Report) -> list[str]:
    return [round_.get("verdict", {}).get("summary", "") for round_ in report.status["rounds"]]


def test_kubectl_describe_trial_tells_the_verdict() -> None:
    """In place of "trained to the end of its ladder", which a probe has not."""
    end = SegmentEnd(
        EndReason.COMPLETED, exit_code=0, verdict=probe_verdict({"type": "Instability", "summary": "fine"})
    )
    spec = trial_spec(probe=Probe.model_validate(INSTABILITY))
    at = situation(pod_view(stage=Stage.ENDED, end=end), spec=spec)
    (told,) = [c for c in describe(at, decide(at), generation=1).conditions if c.type == "Succeeded"]
    assert (told.status, told.reason, told.message) == ("True", "Completed", "fine")


def test_an_ensemble_is_told_the_best_trials_and_where_their_checkpoints_lie() -> None:
    """Catches a member by the checkpoint of its last step, and one list for the spec and another for the trainer."""
    told: dict[str, dict[str, Any]] = {}

    def curve(document: dict[str, Any], step: int) -> float:
        told[document["trial"]] = document
        return objective(document, step)

    probe = {"type": "Ensemble", "ensemble": {"members": 3}}
    trainer = samples.study()["spec"]["trainer"] | {"checkpoints": {"url": "s3://models"}}
    together = {"name": "together", "from": {"round": "search"}, "maxSteps": 10, "probe": probe}
    report = play(study(rounds=[SEARCH, together], trainer=trainer), curve=curve)
    assert (report.phase, report.reason) == ("Succeeded", "RoundsCompleted")
    document = told["study-4"]
    best = sorted((f"study-{n}" for n in range(4)), key=lambda name: report.trials[name]["best"]["value"])[:3]
    assert [each["trial"] for each in document["members"]] == best
    assert all("members" not in told[name] for name in best)
    for each in document["members"]:
        assert each["value"] == report.trials[each["trial"]]["best"]["value"]
        assert each["checkpoint"].startswith(f"{told[each['trial']]['checkpointDirectory']}/step-")
    assert document["probe"] == {"type": "Ensemble", "members": 3}


def test_a_member_that_told_of_no_checkpoint_is_known_by_its_directory() -> None:
    """Last words that are too long give up their paths."""
    trial = samples.trial("study-3") | {"status": {"best": {"step": 9, "value": 0.5}}}
    spec = read(samples.study()["spec"])
    found = member(trial, spec)
    assert (found.trial, found.value) == ("study-3", 0.5)
    assert found.checkpoint.startswith(f"{spec.trainer.checkpoints.mount_path}/")
    assert found.checkpoint.rpartition("/")[2].startswith("study-3-")
