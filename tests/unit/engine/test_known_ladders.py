"""The papers' own numbers, through the real plan: what is trained, not what is computed beside it."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.simulator import Simulator, fraction, study
from stepladder.api.study import BracketSizing, Round
from stepladder.api.trial import Outcome
from stepladder.engine.hyperband import brackets
from stepladder.engine.observed import TrialView
from stepladder.engine.plan import plan


def hyperband(max_steps: int, min_steps: int, eta: int, sizing: str = "Algorithm1") -> dict[str, object]:
    return {"algorithm": "Hyperband", "minSteps": min_steps, "reductionFactor": eta, "bracketSizing": sizing}


def climbed(simulator: Simulator) -> dict[int, Counter[int]]:
    """By bracket: how many trials were trained to each rung."""
    found: dict[int, Counter[int]] = {}
    for trial in simulator.trials.values():
        found.setdefault(trial.bracket, Counter()).update(list(trial.results))
    return found


@pytest.mark.parametrize(
    ("sizing", "trials", "restarted", "resumed", "second"),
    [
        ("Algorithm1", 143, 1902, 1581, {3: 34, 9: 11, 27: 3, 81: 1}),
        ("Table1", 128, 1701, 1404, {3: 27, 9: 9, 27: 3, 81: 1}),
    ],
)
def test_a_pass_of_hyperband_trains_what_the_paper_says(
    sizing: str, trials: int, restarted: int, resumed: int, second: dict[int, int]
) -> None:
    """Li et al., JMLR 18 (2018), Algorithm 1 and Table 1, R = 81, eta = 3, which differ: 143 or 128 trials, that cost
    1902 or 1701 if each rung starts again, and 1581 or 1404 since ours resume."""
    simulator = Simulator(study({"trials": trials, "maxSteps": 81, "pruner": hyperband(81, 1, 3, sizing)}))
    simulator.run()
    rungs = climbed(simulator)
    assert dict(rungs[0]) == {1: 81, 3: 27, 9: 9, 27: 3, 81: 1}
    assert dict(rungs[1]) == second
    assert len(rungs) == 5
    assert sum(step * count for bracket in rungs.values() for step, count in bracket.items()) == restarted
    assert simulator.trained_steps == resumed


@pytest.mark.parametrize(("max_steps", "eta", "count"), [(243, 3, 6), (1000, 10, 4), (81, 3, 5), (59049, 3, 11)])
def test_brackets_are_counted_in_whole_numbers(max_steps: int, eta: int, count: int) -> None:
    """243 with 3 has six and 1000 with 10 has four, of which floor(log(R) / log(eta)) in floating point loses one."""
    round_ = Round.model_validate(
        {"name": "r", "trials": 1, "maxSteps": max_steps, "pruner": hyperband(max_steps, 1, eta)}
    )
    assert len(brackets(round_)) == count
    assert round_.pruner.bracket_sizing is BracketSizing.ALGORITHM_1


@pytest.mark.parametrize(("configurations", "epochs"), [(8, 20), (16, 48), (64, 256)])
def test_halving_with_resume_costs_n_m_times_one_plus_half_log_n(configurations: int, epochs: int) -> None:
    """Jamieson and Talwalkar, AISTATS 2016, eta = 2 and m = 1 epoch: n m (1 + log2(n) / 2), of which n^2 is saved."""
    pruner = {"algorithm": "SuccessiveHalving", "minSteps": 1, "reductionFactor": 2}
    simulator = Simulator(study({"trials": configurations, "maxSteps": configurations, "pruner": pruner}))
    simulator.run()
    assert simulator.trained_steps == epochs
    assert simulator.count(Outcome.COMPLETED) == 1


def test_nine_of_asha_leave_three_then_one() -> None:
    """Li et al., MLSys 2020, eta = 3: 9 at rung 0, 3 at rung 1, 1 at the top, which is never promoted; nobody twice
    (`Simulator` refuses a target that does not rise)."""
    pruner = {"algorithm": "ASHA", "minSteps": 1, "reductionFactor": 3}

    def later_is_worse(trial: TrialView, step: int) -> float:
        return trial.configuration + 1 / step

    simulator = Simulator(study({"trials": 9, "maxSteps": 9, "pruner": pruner}, parallelism=1), later_is_worse)
    simulator.run()
    assert dict(climbed(simulator)[0]) == {1: 9, 3: 3, 9: 1}
    assert all(trial.target_steps <= 9 for trial in simulator.trials.values())


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 400),
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(2, 5),
    st.sampled_from(["Algorithm1", "Table1"]),
    st.integers(1, 32),
    st.sampled_from([0.0, 0.2, 0.9]),
)
@pytest.mark.long
def test_hyperband_with_a_study_of_any_size_ends(
    trials: int, a: int, b: int, eta: int, sizing: str, parallelism: int, failures: float
) -> None:
    """Through the real plan, whatever part of a pass the trials are, with runs that fail or diverge in any rung.
    Catches a rung that waits for a trial that never comes, which is how another implementation stalls after rung 0."""
    low, high = sorted((a, b))
    simulator = Simulator(
        study(
            {"trials": trials, "maxSteps": high, "pruner": hyperband(high, low, eta, sizing)},
            parallelism=parallelism,
            failurePolicy={"maxFailedTrials": trials},
        )
    )
    for _ in range(20_000):
        planned = plan(simulator.observe())
        simulator.apply(planned.actions)
        if planned.verdict is not None:
            break
        simulator.start_pods()
        training = [trial for trial in simulator.trials.values() if trial.active]
        assert training or planned.actions, "nothing runs, nothing is planned: a stall"
        for trial in training:
            if fraction("fails", trial.number, trial.target_steps) < failures:
                simulator.end(trial, Outcome.FAILED if trial.number % 2 else Outcome.INFEASIBLE)
            else:
                simulator.finish(trial)
        simulator.settle_all()
    else:
        pytest.fail("the study has not ended")
    assert len(simulator.trials) == trials
    assert all(trial.outcome is not None for trial in simulator.trials.values())
