"""Sensitivities of a round that varied one parameter at a time, on results made up for the purpose."""

from typing import Any

import pytest

from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import Observation, Outcome
from stepladder.engine.observed import TrialView
from stepladder.engine.sensitivity import Sensitivity, sensitivities

SPEC = TuningStudySpec.model_validate(
    {
        "objective": {"metric": "loss"},
        "parameters": [
            {"name": "learning_rate", "float": {"min": 0, "max": 1}},
            {"name": "decay", "float": {"min": 0, "max": 1}},
            {"name": "optimizer", "categorical": {"values": ["sgd", "adam"]}},
            {"name": "momentum", "float": {"min": 0, "max": 1}, "when": {"parameter": "optimizer", "in": ["sgd"]}},
        ],
        "rounds": [{"name": "vary", "trials": 8, "maxSteps": 10, "sampler": {"algorithm": "OneAtATime"}}],
        "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}},
    }
)
BASELINE: dict[str, Any] = {"learning_rate": 0.5, "decay": 0.5, "optimizer": "sgd", "momentum": 0.5}


def trial(configuration: int, loss: float | None, repeat: int = 0, **changed: Any) -> TrialView:
    return TrialView(
        name=f"vary-{configuration}-{repeat}",
        number=configuration,
        round="vary",
        bracket=0,
        configuration=configuration,
        repeat=repeat,
        parameters={name: value for name, value in (BASELINE | changed).items() if value is not None},
        target_steps=10,
        horizon_steps=10,
        outcome=Outcome.INFEASIBLE if loss is None else Outcome.COMPLETED,
        results={} if loss is None else {5: 9.0, 10: loss},
        best=None if loss is None else Observation(step=10, value=loss),
    )


def found(*trials: TrialView) -> dict[str, Sensitivity]:
    return {one.parameter: one for one in sensitivities(SPEC, SPEC.rounds[0], trials)}


VARIED = (
    trial(0, 1.0),
    trial(1, 3.0, learning_rate=0.0),
    trial(2, 0.5, learning_rate=1.0),
    trial(3, 1.1, decay=0.0),
    trial(4, 0.9, decay=1.0),
    trial(5, 2.0, optimizer="adam", momentum=None),
    trial(6, 1.4, momentum=0.0),
)


def test_effects_are_ranges_of_the_objective_and_the_small_ones_are_flagged() -> None:
    by_name = found(*VARIED)
    assert list(by_name) == ["learning_rate", "optimizer", "momentum", "decay"]  # most influential first
    assert [one.effect for one in by_name.values()] == pytest.approx([2.5, 1.0, 0.4, 0.2])
    assert [one.best for one in by_name.values()] == [1.0, "sgd", 0.5, 1.0]
    assert [one.insensitive for one in by_name.values()] == [False, False, False, True]


def test_with_repeats_the_noise_decides() -> None:
    """Repeats that differ by 0.5 make a standard error of 0.35: 0.7 of it is noise, however small the other effects."""
    repeats = [
        trial(
            t.configuration, t.results[10] + 0.5, 1, **{**dict(t.parameters), "momentum": t.parameters.get("momentum")}
        )
        for t in VARIED
    ]
    by_name = found(*VARIED, *repeats)
    assert by_name["learning_rate"].effect == pytest.approx(2.5)
    assert [name for name, one in by_name.items() if one.insensitive] == ["momentum", "decay"]


def test_a_value_that_diverges_is_the_largest_effect_of_all() -> None:
    first = next(iter(found(*VARIED, trial(7, None, decay=0.25)).values()))
    assert (first.parameter, first.infeasible, first.insensitive) == ("decay", (0.25,), False)


def test_nothing_is_said_before_the_baseline_has_a_result() -> None:
    assert found(*VARIED[1:]) == {}
    assert found() == {}
