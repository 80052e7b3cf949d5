"""What probes are told, what they cost, and how a study goes on beside them."""

from typing import Any

import pytest

from engine.simulator import Simulator, study
from stepladder.api.probes import Probe
from stepladder.api.trial import Observation, Outcome
from stepladder.engine import probes
from stepladder.engine.actions import Ask, Start
from stepladder.engine.observed import Observed, TrialView
from stepladder.engine.plan import plan
from stepladder.engine.ranking import incumbent, round_verdict
from stepladder.engine.validation import problems, warnings

SEARCH = {"trials": 3, "maxSteps": 90}
EXPLICIT = {"algorithm": "Explicit", "explicit": {"configurations": [{"rate": 0.5}, {"rate": 0.25}]}}
RANGE = {"maxSteps": 400, "probe": {"type": "LearningRateRange"}}


def probe(kind: str, **options: Any) -> Probe:
    return Probe.model_validate({"type": kind, kind[0].lower() + kind[1:]: options})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            Probe.model_validate({"type": "LearningRateRange"}),
            {"minLearningRate": 1e-7, "maxLearningRate": 10.0, "ramp": "Exponential"},
        ),
        (
            probe("LearningRateRange", ramp="Linear", maxLearningRate=1),
            {"minLearningRate": 1e-7, "maxLearningRate": 1.0, "ramp": "Linear"},
        ),
        (probe("Throughput"), {"minBatchSize": 8, "stepsPerBatchSize": 20}),
        (probe("Throughput", maxBatchSize=64), {"minBatchSize": 8, "maxBatchSize": 64, "stepsPerBatchSize": 20}),
        (probe("Instability"), {"factors": [2.0, 5.0, 10.0]}),
        (probe("Warmup"), {"learningRateFactor": 10.0, "warmupSteps": [10, 100]}),
        (probe("Warmup", warmupSteps=[7]), {"learningRateFactor": 10.0, "warmupSteps": [7]}),
        (probe("StepBudget"), {"learningRates": [1e-4, 1e-3, 1e-2, 1e-1, 1.0]}),
        (probe("StepBudget", minLearningRate=0.01, count=2), {"learningRates": [0.01, 1.0]}),
        (probe("StepBudget", learningRates=[0.3]), {"learningRates": [0.3]}),
        (probe("Ensemble"), {"members": 5}),
        (probe("Ensemble", members=3), {"members": 3}),
    ],
)
def test_a_trainer_is_told_every_option(asked: Probe, told: dict[str, Any]) -> None:
    """The contract of docs/probes.md: defaults and grids are spelled out, so that trainers need not know them."""
    assert probes.options(asked, 1000) == {"type": asked.type.value, **told}


@pytest.mark.parametrize(
    ("max_steps", "lengths"),
    [(9999, [10, 100]), (10_000, [10, 100, 1000]), (100, [10]), (99, [9]), (1, [1])],
)
def test_warmups_are_powers_of_ten_up_to_a_tenth(max_steps: int, lengths: list[int]) -> None:
    """Catches a floating-point logarithm, and a round so short that nothing would be tried."""
    assert probes.options(probe("Warmup"), max_steps)["warmupSteps"] == lengths


@pytest.mark.parametrize(
    ("asked", "steps", "sure"),
    [
        (probe("LearningRateRange"), 1000, True),
        (probe("Instability"), 3 * 1000, True),
        (probe("Warmup"), 3 * 10 + 3 * 100, True),
        (probe("StepBudget"), 5 * 1000, False),  # ends when one fits
        (probe("Throughput", maxBatchSize=64), 4 * 20, True),  # 8, 16, 32, 64
        (probe("Throughput", maxBatchSize=100), 4 * 20, True),
        (probe("Throughput"), 21 * 20, False),  # memory may end it
        (probe("Ensemble"), 0, True),
    ],
)
def test_what_a_probe_takes(asked: Probe, steps: int, sure: bool) -> None:
    assert probes.steps(asked, 1000) == (steps, sure)


def test_a_probe_is_one_trial_and_never_the_best() -> None:
    """Search, measure the best of it, train the best of it on: what the probe has seen changes nothing."""
    measure = {"maxSteps": 10, "from": {"round": "round-0"}, "probe": {"type": "Instability"}}
    onward = {"maxSteps": 270, "from": {"round": "round-0", "best": 2}}
    simulator = Simulator(study(SEARCH, measure, onward, parallelism=2))
    verdict = simulator.run()
    assert (verdict.succeeded, verdict.reason) == (True, "RoundsCompleted")
    of_round = {n: [t for t in simulator.trials.values() if t.round == f"round-{n}"] for n in range(3)}
    best = min(of_round[0], key=lambda trial: trial.results[90])
    assert [(t.parameters, t.outcome) for t in of_round[1]] == [(best.parameters, Outcome.COMPLETED)]
    assert of_round[2][0].parameters == best.parameters
    winner = incumbent(simulator.spec, simulator.observe().trials)
    assert winner is not None
    assert winner.round == "round-2"
    assert round_verdict(of_round[1]) is of_round[1][0].verdict
    without = Simulator(study(SEARCH, {"maxSteps": 10, "from": {"round": "round-0"}}, onward, parallelism=2))
    without.run()
    assert [t.parameters for t in without.trials.values()] == [t.parameters for t in simulator.trials.values()]


def test_listed_configurations_are_measured_one_by_one_each_with_its_repeats() -> None:
    simulator = Simulator(study(RANGE | {"sampler": EXPLICIT, "repeats": 2}))
    verdict = simulator.run()
    assert [(t.configuration, t.repeat) for t in simulator.trials.values()] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert verdict.message == "The round is done. round-0: study-0 has measured."


def test_the_baseline_of_one_at_a_time_is_the_configuration() -> None:
    """Its design begins with the baseline, and a probe asks for nothing else."""
    baseline = {"algorithm": "OneAtATime", "oneAtATime": {"baseline": [{"name": "rate", "value": 0.5}]}}
    simulator = Simulator(study(RANGE | {"sampler": baseline}))
    simulator.run()
    assert [action.ask for action in simulator.log if isinstance(action, Start)] == [Ask("round-0", 0, 0)]
    assert problems(simulator.spec) == ()


def test_scientific_settings_do_not_ask_for_a_trial_each() -> None:
    width = {"name": "width", "role": "Scientific", "categorical": {"values": [64, 256]}}
    spec = study(RANGE | {"sampler": {"algorithm": "OneAtATime"}}, parameters=[width])
    assert problems(spec) == ()
    simulator = Simulator(spec)
    assert simulator.run().succeeded
    assert len(simulator.trials) == 1


def test_a_study_of_probes_fails_if_one_has_no_verdict() -> None:
    simulator = Simulator(study(RANGE | {"sampler": EXPLICIT}, RANGE | {"sampler": EXPLICIT}))
    for trial in ("study-0", "study-1"):
        while trial not in simulator.trials:
            simulator.apply(plan(simulator.observe()).actions)
        simulator.end(simulator.trials[trial], Outcome.FAILED)
    verdict = simulator.run()
    assert (verdict.succeeded, verdict.reason) == (False, "NoResult")
    assert verdict.message == "No trial of round-0 has come to a verdict."


def test_probes_ask_for_no_ranges_and_are_not_counted_as_rounds_of_a_search() -> None:
    """Advice that is wrong teaches people to read none."""
    fixed = [{"name": "rate", "role": "Fixed", "value": 0.1}]
    claim = {"persistentVolumeClaim": {"claimName": "c"}}
    template = {"template": {"spec": {"containers": [{"name": "trainer", "image": "i"}]}}, "checkpoints": claim}
    assert warnings(study(*[RANGE] * 5, parameters=fixed, trainer=template)) == ()


def test_an_ensemble_is_one_trial_of_those_with_the_best_checkpoints() -> None:
    """By their best objective, whose checkpoint is taken, and not by their last, which the rounds are ranked by: trial
    1 has been best and is worst at the end. What has got less far comes after all that have ended well. A failed one is
    left out, since the whole probe fails for a checkpoint that is missing; unless there are but failed ones."""
    search = {"name": "search", "trials": 5, "maxSteps": 9}
    together = {"name": "together", "from": {"round": "search"}, "maxSteps": 9}
    spec = study(search, together | {"probe": {"type": "Ensemble", "ensemble": {"members": 5}}})

    def trial(number: int, last: float, best: float, outcome: Outcome = Outcome.COMPLETED) -> TrialView:
        step = 9 if outcome is Outcome.COMPLETED else 3
        return TrialView(
            name=f"t{number}", number=number, round="search", bracket=0, configuration=number, repeat=0,
            parameters={"rate": number / 10}, target_steps=step, horizon_steps=9, outcome=outcome,
            results={step: last}, best=Observation(step=1, value=best),
        )  # fmt: skip

    trials = (
        trial(0, 0.3, 0.3),
        trial(1, 0.9, 0.1),
        trial(2, 0.2, 0.2),
        trial(3, 0.05, 0.05, Outcome.PRUNED),
        trial(4, 0.01, 0.01, Outcome.INFEASIBLE),
        trial(5, 0.02, 0.02, Outcome.FAILED),
    )
    (start,) = plan(Observed(spec, trials)).actions
    assert isinstance(start, Start)
    assert (start.round, start.members) == ("together", ("t1", "t2", "t0", "t3"))
    assert start.parameters == {"rate": 0.2}
    (start,) = plan(Observed(spec, tuple(trial(number, 0.1, 0.1, Outcome.FAILED) for number in range(5)))).actions
    assert isinstance(start, Start)
    assert start.members == ("t0", "t1", "t2", "t3", "t4")
