"""Tables that cannot stand in for a study: the file, the line, and what to do."""

import json
from typing import Any

import pytest

from simulation.tables import METRIC, constant, line, manifest
from stepladder.control.store import Invalid
from stepladder.local.manifest_check import checked
from stepladder.simulation.command import question
from stepladder.simulation.curves import Refused, read
from stepladder.simulation.study import SimulatedStudy

GOOD = line({"x": 0.5}, [10, 20], lambda _: 0.1)
ASHA = {"algorithm": "ASHA", "minSteps": 10, "reductionFactor": 2}
PARAMETERS: list[dict[str, Any]] = [
    {"name": "x", "float": {"min": 0, "max": 1}},
    {"name": "depth", "role": "Fixed", "value": 2},
    {"name": "kind", "categorical": {"values": ["a", "b"]}},
    {"name": "y", "float": {"min": 0, "max": 1}, "when": {"parameter": "kind", "in": ["b"]}},
]


def said(text: str, *rounds: dict[str, Any], **spec: Any) -> str:
    study = manifest(*(rounds or ({"trials": 1, "maxSteps": 20, "pruner": ASHA},)), **spec)
    with pytest.raises(Refused) as refusal:
        question(checked(study), "c.jsonl", text)
    return str(refusal.value)


def edited(**fields: Any) -> str:
    return json.dumps({k: v for k, v in {**json.loads(GOOD), **fields}.items() if v != "drop"})


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ("{", "c.jsonl:2: is not JSON"),
        ("[1]", "c.jsonl:2: is not a JSON object"),
        ("[" * 100_000, "c.jsonl:2: is nested too deeply"),
        ('{"steps": [1' + "0" * 5000 + "]}", "c.jsonl:2: cannot be read"),
        (GOOD.replace("0.1]", "NaN]"), "c.jsonl:2: holds NaN, which is not JSON: write null"),
        (edited(step=[1]), "unknown field 'step'"),
        (edited(parameters="drop"), "parameters is missing"),
        (edited(parameters={"x": [1]}), "parameters.x is neither"),
        (edited(steps="drop"), "steps is missing"),
        (edited(steps=[10, 10]), "steps does not ascend"),
        (edited(steps=[1.5, 20]), "whole numbers"),
        (edited(steps=[True, 20]), "whole numbers"),
        (edited(steps=[0], values={METRIC: [0.1]}), "steps ends at 0"),
        (edited(values="drop"), f"values has no {METRIC}"),
        (
            edited(values={"loss": [1, 2]}),
            f"values has no {METRIC}, which is the study's objective.metric (there is loss)",
        ),
        (edited(values={METRIC: [0.1]}), "has 1 values for 2 steps"),
        (edited(values={METRIC: ["a", 1]}), "is not a list of numbers"),
        (edited(seconds=0), "seconds is not above 0"),
        (edited(seconds=[1]), "seconds fits neither"),
        (edited(seconds=[2, 1]), "seconds does not ascend"),
        (GOOD, "c.jsonl:2: has the configuration of line 1 again"),
        (edited(parameters={"x": 0.50, "z": 1}), "gives z, which the study's spec.parameters do not have"),
        (edited(parameters={"x": 1.5}), "parameters.x is 1.5, outside of the study's range"),
        (edited(parameters={}), "parameters.x is missing"),
        (edited(parameters={"x": None}), "parameters.x is missing"),
        (edited(parameters={"x": 0}, steps=[5, 15]), "ends at step 15, before maxSteps 20 of round round-0"),
        (edited(parameters={"x": 0}, steps=[15, 20]), "is first evaluated at step 15, after the lowest rung 10"),
    ],
)
def test_a_line_that_cannot_be_used_is_refused(second: str, sentence: str) -> None:
    found = said(f"{GOOD}\n{second}")
    assert sentence in found
    assert found.startswith("c.jsonl:2: ")
    assert ": " in found.removeprefix("c.jsonl:2: "), "a refusal says what to do"


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_refused(text: str) -> None:
    assert said(text).startswith("c.jsonl: holds no curve")


def test_a_setting_without_a_curve_is_refused() -> None:
    parameters = [PARAMETERS[0], {"name": "width", "role": "Scientific", "categorical": {"values": [1, 2]}}]
    text = line({"x": 0, "width": 1}, [10, 20], lambda _: 0)
    assert "no configuration has width=2" in said(text, {"trials": 2, "maxSteps": 20}, parameters=parameters)


def test_a_later_round_needs_curves_of_its_own_length() -> None:
    later = {"from": {"round": "round-0"}, "maxSteps": 40}
    assert "before maxSteps 40 of round round-1" in said(GOOD, {"trials": 1, "maxSteps": 20}, later)


def test_conditional_and_fixed_parameters() -> None:
    """What is missing is missing only where it exists, and fixed values need not be given."""
    steps = ([10, 20], lambda _: 0.1)
    study = checked(manifest({"trials": 2, "maxSteps": 20}, parameters=PARAMETERS))
    lines = [line({"x": 0, "kind": "a"}, *steps), line({"x": 0, "kind": "b", "y": 0.5, "depth": 2}, *steps)]
    _, notes = question(study, "c.jsonl", "\n".join(lines))
    assert notes == ()
    with pytest.raises(Refused, match=r"c\.jsonl:1: parameters.y is missing"):
        question(study, "c.jsonl", line({"x": 0, "kind": "b"}, *steps))
    # What was trained with another fixed value is not this study's.
    _, notes = question(study, "c.jsonl", "\n".join([lines[0], line({"x": 0, "kind": "a", "depth": 3}, *steps)]))
    assert "used up after 1 of 2 trials" in notes[0]


def test_a_curve_that_diverged_may_end_early() -> None:
    text = line({"x": 0.5}, [10, 20], lambda step: None if step > 10 else 0.1)
    asked, _ = question(checked(manifest({"trials": 1, "maxSteps": 1000})), "c.jsonl", text)
    assert asked.table.best(asked.spec, 1000) == 0.1


def test_a_value_that_no_study_would_take_has_diverged() -> None:
    """A trainer's 1e300 is not finite to the operator, and the squares that models make of it overflow."""
    (curve,) = read("c.jsonl", line({"x": 0.5}, [10, 20, 30], lambda step: 1e300 if step > 10 else 0.1), METRIC, 1.0)
    assert (curve.steps, curve.values, curve.diverged) == ((10,), (0.1,), 20)


def test_a_table_that_is_used_up_is_told_of() -> None:
    _, notes = question(checked(manifest({"trials": 9, "maxSteps": 10})), "c.jsonl", constant(4, [10]))
    (note,) = notes
    assert note.startswith("round round-0: the table is used up after 4 of 9 trials, having 4 configurations: ")


def test_a_suspended_study_is_refused_as_a_run_of_it_is() -> None:
    with pytest.raises(Invalid, match="suspend"):
        question(checked(manifest({"trials": 1, "maxSteps": 10}, suspend=True)), "c.jsonl", GOOD)


def test_seconds_are_those_of_a_step_or_those_up_to_each_evaluation() -> None:
    (each,) = read("c", edited(seconds=2), METRIC, 1)
    (up_to,) = read("c", edited(seconds=[5, 30]), METRIC, 1)
    (neither,) = read("c", GOOD, METRIC, 0.5)
    assert [each.seconds(s) for s in (0, 10, 15, 20)] == [0, 20, 30, 40]
    assert [up_to.seconds(s) for s in (0, 10, 15, 20)] == [0, 5, 17.5, 30]
    assert neither.seconds(20) == 10
    assert [up_to.step(up_to.seconds(s)) for s in range(21)] == list(range(21))


def test_a_warm_start_that_is_left_out_is_told() -> None:
    """Catches a forecast that silently lacks what the real study would begin from."""
    sampler = {"algorithm": "Random", "warmStart": [{"study": "earlier"}]}
    study = checked(manifest({"trials": 2, "maxSteps": 10, "sampler": sampler}))
    _, notes = question(study, "c.jsonl", constant(4, [10]))
    assert notes == ("round round-0: sampler.warmStart is left out, since no other study is at hand",)


def test_a_probe_is_left_out_and_told() -> None:
    """Catches a forecast that asks the table for curves of a learning-rate ramp."""
    probe = {"maxSteps": 400, "sampler": {"algorithm": "OneAtATime"}, "probe": {"type": "LearningRateRange"}}
    asked, notes = question(checked(manifest(probe, {"trials": 2, "maxSteps": 10})), "c.jsonl", constant(4, [10]))
    assert notes == ("round round-0: a probe is left out, since it measures what no table of curves holds",)
    assert [round_.name for round_ in asked.spec.rounds] == ["round-1"]
    assert "every round is a probe" in said(constant(4, [10]), probe)


def test_what_the_probe_would_have_told_is_as_the_study_has_it() -> None:
    """Catches a simulation that ends for want of a verdict, and one that is silent about it."""
    probe = {"maxSteps": 400, "sampler": {"algorithm": "OneAtATime"}, "probe": {"type": "Throughput"}}
    taken = {"name": "batch_size", "valueFrom": {"round": "round-0", "suggestion": "batch_size"}}
    study = manifest(probe, {"trials": 2, "maxSteps": 10, "parameters": [taken]})
    study["spec"]["parameters"].append({"name": "batch_size", "role": "Fixed", "value": 64})
    asked, notes = question(checked(study), "c.jsonl", constant(4, [10]))
    assert notes[1] == "round round-1: batch_size is as spec.parameters has it, since the probe round-0 is left out"
    ending = SimulatedStudy("s", asked.spec, asked.table, asked.conditions).run()
    assert (ending.verdict.reason, [trial.parameters["batch_size"] for trial in ending.trials]) == (
        "RoundsCompleted",
        [64, 64],
    )
