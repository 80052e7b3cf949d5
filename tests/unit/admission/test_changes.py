"""What may be changed in an object that is there. Compared with Kubernetes 1.35.4: same answers, same words."""

from typing import Any

import pytest

from admission.objects import Change, refusal, study, trial

FIXED_STUDY: dict[str, tuple[Change, str]] = {
    "metric": (
        lambda s: s["objective"].update(metric="loss"),
        "objective.metric and objective.direction cannot change",
    ),
    "direction": (lambda s: s["objective"].update(direction="Maximize"), "objective.direction cannot change"),
    "seed": (lambda s: s.update(seed=1), "seed cannot change"),
    "a range": (lambda s: s["parameters"][2]["float"].update(max=0.5), "parameters cannot change"),
    "a value CEL cannot see": (lambda s: s["parameters"][0].update(value="sgd"), "parameters cannot change"),
    "a value's type": (lambda s: s["parameters"][0].update(value=1), "parameters cannot change"),
    "parameters' order": (lambda s: s["parameters"].reverse(), "parameters cannot change"),
    "a parameter less": (lambda s: s["parameters"].pop(), "parameters cannot change"),
    "a preset more": (lambda s: s.update(presets=["AdamByBudget"]), "presets cannot change"),
    "a round": (lambda s: s["rounds"][0].update(maxSteps=540), "rounds[0]: Invalid value: rounds cannot change once"),
    "a round's own value": (lambda s: s["rounds"][1].update(parameters=[]), "rounds[1]: Invalid value: rounds cannot"),
    "a round less": (lambda s: s["rounds"].pop(), "rounds can only be added"),
    "a round first": (lambda s: s["rounds"].insert(0, more()), "rounds can only be added"),
    "rounds' order": (lambda s: s["rounds"].reverse(), "rounds can only be added"),
    "a round renamed": (lambda s: s["rounds"][1].update(name="last"), "rounds can only be added"),
}

FREE_STUDY: dict[str, Change] = {
    "parallelism": lambda s: s.update(parallelism=8),
    "suspend": lambda s: s.update(suspend=True),
    "budget": lambda s: s.update(budget={"gpuHours": 1.5}),
    "failure policy": lambda s: s["failurePolicy"].update(maxFailedTrials=50),
    "target": lambda s: s["objective"].update(target=0.01),
    "goal": lambda s: s.update(goal="Another way to put it"),
    "image": lambda s: s["trainer"]["template"]["spec"]["containers"][0].update(image="trainer:2"),
    "one more round": lambda s: s["rounds"].append(more()),
}

FIXED_TRIAL: dict[str, tuple[Change, str]] = {
    "target lowered": (lambda s: s.update(targetSteps=29), "targetSteps never falls"),
    "target beyond horizon": (lambda s: s.update(targetSteps=811), "targetSteps must not exceed horizonSteps"),
    "parameters": (lambda s: s["parameters"].update(width=32), "parameters, seed and horizonSteps cannot change"),
    "seed": (lambda s: s.update(seed=6), "parameters, seed and horizonSteps cannot change"),
    "horizon": (lambda s: s.update(horizonSteps=900), "parameters, seed and horizonSteps cannot change"),
    "study": (lambda s: s.update(study="other"), "say where the trial belongs and cannot change"),
    "study removed": (lambda s: s.pop("study"), "say where the trial belongs and cannot change"),
    "repeat": (lambda s: s.update(repeat=1), "say where the trial belongs and cannot change"),
    "stop reason": (lambda s: s.update(stopReason="Pruned"), "stopReason is for trials that are told to stop"),
}

FREE_TRIAL: dict[str, Change] = {
    "promotion": lambda s: s.update(targetSteps=90),
    "pause": lambda s: s.update(desired="Pause"),
    "stop": lambda s: s.update(desired="Stop", stopReason="Pruned"),
}


def more() -> dict[str, Any]:
    return {"name": "more", "from": {"round": "final", "best": 1}, "maxSteps": 2430}


@pytest.mark.parametrize("what", FIXED_STUDY)
def test_study_keeps(what: str) -> None:
    change, sentence = FIXED_STUDY[what]
    assert sentence in refusal(study(), change)


@pytest.mark.parametrize("what", FREE_STUDY)
def test_study_lets_people_change(what: str) -> None:
    """A rule over time that does not hold for what stayed would forbid every change."""
    assert refusal(study(), FREE_STUDY[what]) == ""


@pytest.mark.parametrize("what", FIXED_TRIAL)
def test_trial_keeps(what: str) -> None:
    change, sentence = FIXED_TRIAL[what]
    assert sentence in refusal(trial(), change)


@pytest.mark.parametrize("what", FREE_TRIAL)
def test_trial_lets_the_study_change(what: str) -> None:
    assert refusal(trial(), FREE_TRIAL[what]) == ""


def test_a_stopped_trial_stays_stopped() -> None:
    stopped = trial(desired="Stop", stopReason="Pruned")
    assert "desired cannot change after Stop" in refusal(
        stopped, lambda s: (s.update(desired="Run"), s.pop("stopReason"))
    )
