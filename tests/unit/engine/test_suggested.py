"""Rounds that take a value from an earlier round's probe."""

from dataclasses import replace
from typing import Any

import pytest

from engine.simulator import Simulator, study
from stepladder.api.probes import ProbeType
from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import Outcome
from stepladder.engine.actions import Start
from stepladder.engine.plan import plan
from stepladder.engine.probes import SUGGESTIONS
from stepladder.engine.space import setting_parameters
from stepladder.engine.suggested import resolved
from stepladder.engine.validation import problems
from stepladder_trainer.probes.decisions import (
    baseline,
    instability,
    learning_rate_range,
    step_budget,
    throughput,
    warmup,
)

RATE = {"name": "rate", "float": {"min": 0, "max": 1}}
BATCH: dict[str, Any] = {"name": "batch_size", "role": "Fixed", "value": 64}
LISTED = {"algorithm": "Explicit", "explicit": {"configurations": [{"rate": 0.5}]}}
SPEED = {"name": "speed", "maxSteps": 100, "probe": {"type": "Throughput"}, "sampler": LISTED}


def taken(suggestion: str = "batch_size", probe: str = "speed", name: str = "batch_size") -> dict[str, Any]:
    return {"name": name, "valueFrom": {"round": probe, "suggestion": suggestion}}


def search(*values: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "search", "trials": 2, "maxSteps": 90, "parameters": values} | fields


def given(*rounds: dict[str, Any], **fields: Any) -> TuningStudySpec:
    spec = study(*rounds, parameters=[RATE, BATCH], **fields)
    assert problems(spec) == ()
    return spec


def values(simulator: Simulator, round_: str) -> list[tuple[Any, type]]:
    """The batch sizes that a round's space has now, with their types."""
    spec = simulator.observe().spec
    found = next(r for r in spec.rounds if r.name == round_)
    return [(p.value, type(p.value)) for p in setting_parameters(spec, found, 0) if p.name == "batch_size"]


def test_the_value_is_what_the_probe_has_suggested_as_a_whole_number() -> None:
    """A batch size of 256.0 is none to a trainer. Until the probe has ended the study's own value stands."""
    simulator = Simulator(given(SPEED, search(taken())), suggestions={"batch_size": 256.0})
    assert values(simulator, "search") == [(64, int)]
    assert simulator.run().succeeded
    assert values(simulator, "search") == [(256, int)]
    assert values(simulator, "speed") == [(64, int)], "what the probe itself was measured with"
    fraction = Simulator(given(SPEED, search(taken("seconds_per_step"))), suggestions={"seconds_per_step": 0.25})
    fraction.run()
    assert values(fraction, "search") == [(0.25, float)]


def test_the_best_of_a_search_are_trained_on_with_the_value() -> None:
    """`from` and valueFrom in one round: the round's value wins over that of the configuration, as a value does."""
    again = {"name": "final", "from": {"round": "search"}, "maxSteps": 90, "parameters": [taken()]}
    simulator = Simulator(given(search(), SPEED, again), suggestions={"batch_size": 32.0})
    simulator.run()
    (last,) = [a for a in simulator.log if isinstance(a, Start) and a.round == "final"]
    assert last.parameters["batch_size"] == 32


def test_a_round_that_has_begun_keeps_its_value() -> None:
    """The probe's trial is deleted and measured again, with another verdict: trials of one round must compare."""
    simulator = Simulator(given(SPEED, search(taken())), suggestions={"batch_size": 256.0})
    simulator.run()
    trials = simulator.observe().trials
    probe, *searched = (replace(trial, parameters={**trial.parameters, "batch_size": 256}) for trial in trials)
    assert probe.verdict is not None
    other = replace(probe, verdict=probe.verdict.model_copy(update={"suggestions": {"batch_size": 512.0}}))
    for now in ((*searched,), (other, *searched)):
        assert [p.value for p in resolved(simulator.spec, now).rounds[1].parameters] == [256]
    assert [p.value for p in resolved(simulator.spec, (other,)).rounds[1].parameters] == [512]


def test_a_probe_that_failed_ends_the_study_where_its_value_is_needed() -> None:
    """Catches a study that waits for ever, and one that goes on with a batch size that nobody asked for."""
    simulator = Simulator(given(search(), SPEED, search(taken(), name="more"), parallelism=4))
    for _ in range(3):
        simulator.apply(plan(simulator.observe()).actions)
        simulator.start_pods()
        for trial in [trial for trial in simulator.trials.values() if trial.active]:
            if trial.round == "speed":
                simulator.end(trial, Outcome.FAILED)
            else:
                simulator.finish(trial)
        simulator.settle_all()
    trials = simulator.observe().trials
    assert [trial.round for trial in trials] == ["search", "search", "speed"]
    told = replace(simulator.observe(), trials=(*trials[:2], replace(trials[2], trouble="there is no GPU.")))
    verdict = plan(told).verdict
    assert verdict is not None
    assert (verdict.succeeded, verdict.reason) == (False, "NoSuggestion")
    assert verdict.message.startswith(
        "Round more takes batch_size from batch_size of speed, which has come to no verdict. study-2: there is no GPU."
        " Apply another study, with a value in the place of valueFrom, or a probe that finds one. Best loss: "
    )


def test_a_verdict_without_the_suggestion_ends_the_study_too() -> None:
    """Not even the smallest batch has fitted: the verdict is there, and the number is not."""
    verdict = Simulator(given(SPEED, search(taken()))).run()
    assert (verdict.succeeded, verdict.reason) == (False, "NoSuggestion")
    assert "speed, which suggests none: study-0 has measured. Apply another study" in verdict.message


def test_without_valueFrom_nothing_is_copied() -> None:  # noqa: N802  the field's name
    """Every reconcile asks."""
    spec = given(SPEED, search())
    assert resolved(spec, ()) is spec


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        (
            (SPEED, search(taken() | {"value": 64})),
            "spec.rounds[1].parameters[0].valueFrom: batch_size has a value and a valueFrom, of which one can be:"
            " remove the other",
        ),
        (
            (SPEED, search({"name": "batch_size"})),
            "spec.rounds[1].parameters[0].value: batch_size has no value in this round: give one, or take it by"
            " valueFrom from a probe",
        ),
        (
            (search(taken()), SPEED),
            "spec.rounds[0].parameters[0].valueFrom.round: speed does not come before search: move it there, or name an"
            " earlier round",
        ),
        (
            (SPEED, search(taken("learning_rate"))),
            "spec.rounds[1].parameters[0].valueFrom.suggestion: Throughput suggests no learning_rate: name one of"
            " batch_size, examples_per_second, largest_batch_size, seconds_per_step, or give batch_size a value",
        ),
        (
            (SPEED, search(taken(name="rate"))),
            "spec.rounds[1].parameters[0].name: rate is searched (Nuisance), so that a value for one round would hide"
            " what was found: remove it, or set role: Fixed",
        ),
    ],
)
def test_what_cannot_be_taken_is_refused(rounds: tuple[dict[str, Any], ...], said: str) -> None:
    assert [str(problem) for problem in problems(study(*rounds, parameters=[RATE, BATCH]))] == [said]


def test_no_parameter_exists_beside_a_value_that_nobody_knows_yet() -> None:
    """What a round's space looks like, how many trials it takes and who samples it are decided before a probe ends."""
    child = {"name": "child", "float": {"min": 0, "max": 1}, "when": {"parameter": "batch_size", "in": [64]}}
    speed = SPEED | {"sampler": {"algorithm": "OneAtATime"}}
    assert [str(problem) for problem in problems(study(speed, search(taken()), parameters=[RATE, BATCH, child]))] == [
        "spec.parameters[2].when.parameter: batch_size is what a probe finds in round search, and which parameters"
        " there are has to be known before: name another parameter, or give it a value in place of valueFrom"
    ]


def test_our_trainer_suggests_what_may_be_taken_and_nothing_else() -> None:
    """Catches a suggestion that the trainer has learnt, and that a manifest would be refused for."""
    rates, losses = [10 ** (k / 100 - 4) for k in range(400)], [1 - k / 500 for k in range(400)]
    steps, norms = tuple(range(1, 100)), (1.0,) * 99
    stable, rising = tuple(2.0 - 0.01 * k for k in range(99)), tuple(2.0 + 0.1 * k for k in range(99))
    runs = [
        instability.FactorRun(1, 0.1, steps, stable, norms),
        instability.FactorRun(9, 0.9, steps, rising, norms),
    ]
    verdicts = [
        learning_rate_range.suggest(learning_rate_range.RangeTest(tuple(rates), tuple(losses)), 400),
        throughput.judge([throughput.Timing(8, 0.1), throughput.Timing(16, 0.1)]),
        instability.judge(runs),
        warmup.choose([warmup.WarmupRun(33, steps, stable)], 1.0, 1000),
        step_budget.choose([step_budget.ConstantRun(0.1, 50, steps, (0.0,) * 99)], 100),
        baseline.judge(baseline.BaselineRun((10,), (0.2,), 10, 0.9, 0.01, {}), None),
    ]
    for verdict in verdicts:
        assert set(verdict.suggestions) == SUGGESTIONS[ProbeType(verdict.type)]
