"""Rounds that end when nothing better is found."""

import pytest

from engine.simulator import Simulator, study
from stepladder.api.rounds import NoImprovement
from stepladder.api.study import Direction
from stepladder.api.trial import Observation, Outcome
from stepladder.engine.observed import TrialView
from stepladder.engine.stalling import stalled


def trials(*values: float | Outcome | None) -> list[TrialView]:
    """A value stands for a completed trial, None for one that is still on its way."""
    found = []
    for number, value in enumerate(values):
        outcome = Outcome.COMPLETED if isinstance(value, float) else value
        best = Observation(step=9, value=value) if isinstance(value, float) else None
        found.append(TrialView(str(number), number, "r", 0, number, 0, {}, 9, 9, outcome=outcome, best=best))
    return found


@pytest.mark.parametrize(
    ("values", "over"),
    [
        ((), False),
        ((0.5, 0.6, 0.7), False),
        ((0.5, 0.6, 0.7, 0.5), True),  # as good is no better
        ((0.5, 0.6, 0.7, 0.4), False),
        ((0.5, 0.6, None, 0.7, 0.8), True),
        ((0.5, 0.6, Outcome.INFEASIBLE, 0.8), True),
        ((0.5, 0.6, Outcome.FAILED, 0.8), False),  # a node's trouble says nothing about the search
        ((Outcome.INFEASIBLE, Outcome.INFEASIBLE, Outcome.INFEASIBLE), True),
    ],
)
def test_three_in_a_row_without_a_better_one(values: tuple[float | Outcome | None, ...], over: bool) -> None:
    assert stalled(NoImprovement(trials=3), trials(*values), Direction.MINIMIZE) is over
    assert not stalled(None, trials(*values), Direction.MINIMIZE)


def test_more_is_better_where_the_objective_is_maximised() -> None:
    falling = trials(0.5, 0.4, 0.3, 0.2)
    assert not stalled(NoImprovement(trials=3), falling, Direction.MINIMIZE)
    assert stalled(NoImprovement(trials=3), falling, Direction.MAXIMIZE)


@pytest.mark.parametrize("parallelism", [1, 4])
def test_the_round_ends_early_and_the_next_one_begins(parallelism: int) -> None:
    """Catches a round that waits for ever for the trials that it no longer starts."""
    search = {"trials": 100, "maxSteps": 9, "stopWhenNoImprovement": {"trials": 5}}
    final = {"from": {"round": "round-0", "best": 1}, "maxSteps": 90}
    simulator = Simulator(study(search, final, parallelism=parallelism))
    assert simulator.run().reason == "RoundsCompleted"
    first = [trial for trial in simulator.trials.values() if trial.round == "round-0"]
    best = min(first, key=lambda trial: trial.results[9])
    assert 5 < len(first) < 100
    assert len(first) - 1 - best.number >= 5
    [last] = [trial for trial in simulator.trials.values() if trial.round == "round-1"]
    assert last.parameters == best.parameters
