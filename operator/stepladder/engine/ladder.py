"""What all pruners share: ladders, the moves on them, and how results are ranked at a rung.

A pruner is a `Policy`: how the runs of a round are split over ladders, and which moves a ladder's trials allow now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from stepladder.api.study import Direction, Round
from stepladder.api.trial import Outcome
from stepladder.engine.observed import TrialView


@dataclass(frozen=True)
class Ladder:
    """`size` runs that start at the lowest of `rungs` (steps, ascending) and compete with one another only."""

    rungs: tuple[int, ...]
    size: int
    reduction_factor: int
    judged_from: int = 1  # steps, for those pruners that judge between rungs
    improvement_probability: float = 0.05  # of LearningCurve


@dataclass(frozen=True)
class Promotion:
    """A trial that may train on to `target_steps`."""

    trial: TrialView
    target_steps: int


@dataclass(frozen=True)
class Moves:
    """What a ladder allows now. Promotions in the order in which they should be made; prunes are due at once."""

    promotions: tuple[Promotion, ...] = ()
    prunes: tuple[TrialView, ...] = ()


@dataclass(frozen=True)
class Policy:
    """One way to decide how far a configuration is trained.

    `split(round, runs)`: the ladders over which so many runs of one setting are split, in the order they are started;
    their sizes add up to `runs`.
    `moves(ladder, trials, direction)`: what the trials of one ladder, in number order, allow now. Fewer trials than
    `ladder.size` means that some are still to be started.
    `every_evaluation`: whether an evaluation between two rungs may bring about a move.
    """

    split: Callable[[Round, int], tuple[Ladder, ...]]
    moves: Callable[[Ladder, Sequence[TrialView], Direction], Moves]
    every_evaluation: bool = False


OUT_OF_THE_RUNNING: Final = frozenset({Outcome.INFEASIBLE, Outcome.FAILED, Outcome.STOPPED})


def can_climb_from(trial: TrialView, rung: int) -> bool:
    """Whether a trial with a result at `rung` has neither ended nor been promoted from it."""
    return trial.target_steps <= rung and not trial.ended


def judged(trial: TrialView, rung: int) -> bool:
    """Whether nothing more is to come from the trial at `rung`."""
    return rung in trial.results or trial.target_steps > rung or trial.ended


def ranked(trials: Sequence[TrialView], rung: int, direction: Direction) -> list[TrialView]:
    """The trials with a result at `rung`, best first, ties by number; without those that ended there badly.

    What was decided stays decided: a trial that was promoted from the rung keeps its place, however it ended later.
    """
    there = [
        trial
        for trial in trials
        if rung in trial.results and (trial.target_steps > rung or trial.fate not in OUT_OF_THE_RUNNING)
    ]
    there.sort(key=attrgetter("number"))
    there.sort(key=lambda trial: trial.results[rung], reverse=direction is Direction.MAXIMIZE)  # stable both ways
    return there
