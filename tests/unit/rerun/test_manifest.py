"""What of a trial is repeated."""

import copy
from typing import Any

import pytest

from control import samples
from stepladder.api.trial import TrialSpec
from stepladder.control.store import Invalid, Object
from stepladder.local.manifest_check import checked
from stepladder.rerun.manifest import LONGEST_NAME, OF_ANNOTATION, again, new_name, original

DIGEST = "ghcr.io/stepladder/trainer@sha256:" + "0" * 64


def ran(**status: Any) -> Object:
    return {**samples.trial(), "status": {"observations": [{"step": 30, "value": 0.5}], **status}}


def repeated(trial: Object, study: Object | None = None) -> TrialSpec:
    made = checked(again(original(trial, study or samples.study()), "mine"))
    return TrialSpec.model_validate(made["spec"])


def test_what_decides_the_result_is_the_same() -> None:
    """A seed, a horizon, a rung that is evaluated: each of them changes the numbers."""
    study = samples.study(failurePolicy={"maxRetries": 7})
    trial = ran()
    trial["spec"] |= {"seed": 12345, "resource": "DataFraction", "parameters": {"x": 0.1, "adam.beta1": 0.9}}
    old, new = TrialSpec.model_validate(trial["spec"]), repeated(trial, study)
    for same in ("parameters", "seed", "target_steps", "horizon_steps", "rung_steps", "resource", "probe"):
        assert getattr(new, same) == getattr(old, same), same
    assert (new.study, new.objective.metric if new.objective else None) == (None, samples.METRIC)
    assert new.trainer is not None
    assert new.trainer.template["spec"] == study["spec"]["trainer"]["template"]["spec"]
    assert new.failure_policy is not None
    assert new.failure_policy.max_retries == 7


def test_the_image_is_pinned_to_the_recorded_digest_and_the_study_left_as_it_is() -> None:
    study = samples.study()
    study["spec"]["trainer"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "image": "other"})
    before = copy.deepcopy(study)
    new = repeated(ran(provenance={"imageDigest": DIGEST, "torch": "2.9"}), study)
    assert new.trainer is not None
    assert [c["image"] for c in new.trainer.template["spec"]["containers"]] == ["other", DIGEST]
    assert study == before


@pytest.mark.parametrize(
    ("target", "status", "expected"),
    [
        (90, {"outcome": "Stopped"}, 30),  # the study ended it at its last evaluation
        (30, {"outcome": "Pruned"}, 30),
        (90, {"outcome": "Infeasible"}, 90),  # it diverged after that
        (90, {"outcome": "Failed"}, 90),
        (90, {"observations": []}, 90),
    ],
)
def test_it_is_trained_as_far_as_it_was(target: int, status: dict[str, Any], expected: int) -> None:
    trial = ran(**status)
    trial["spec"]["targetSteps"] = target
    assert repeated(trial).target_steps == expected


def test_a_trial_that_was_stopped_runs() -> None:
    trial = ran(outcome="Pruned")
    trial["spec"] |= {"desired": "Stop", "stopReason": "Pruned"}
    assert (repeated(trial).desired, repeated(trial).stop_reason) == ("Run", None)


def test_a_trial_of_its_own_needs_no_study() -> None:
    study = samples.study()["spec"]
    trial = ran()
    del trial["spec"]["study"]
    trial["spec"] |= {"objective": study["objective"], "trainer": study["trainer"]}
    made = again(original(trial, None), "mine")
    assert made["metadata"] == {"name": "mine", "namespace": "lab", "annotations": {OF_ANNOTATION: "study-1"}}
    assert "labels" not in made["metadata"], "it would be its study's"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "has its trainer from TuningStudy study, which is not there: give a file that holds both"),
        ({"study": None}, "has no study, and trainer or objective are missing"),
        ({"seed": "x"}, "cannot be read"),
    ],
)
def test_what_cannot_be_repeated_is_refused(change: dict[str, Any], sentence: str) -> None:
    trial = ran()
    trial["spec"] |= change
    with pytest.raises(Invalid, match=sentence):
        original(trial, None)


def test_names_are_as_long_as_a_trials_may_be() -> None:
    assert (new_name("digits-7", 1), new_name("digits-7", 2)) == ("digits-7-rerun", "digits-7-rerun-2")
    assert new_name("x" * 46 + "-" * 6, 1) == "x" * 46 + "-rerun"
    assert len(new_name("x" * LONGEST_NAME, 12)) == LONGEST_NAME
