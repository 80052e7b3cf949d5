"""ASHA (Li et al., MLSys 2020): promotion as soon as a trial is in the best 1/eta of its rung. It never waits."""

from collections.abc import Sequence
from itertools import pairwise

from stepladder.api.study import Direction, Round
from stepladder.engine.ladder import Ladder, Moves, Promotion, can_climb_from, ranked
from stepladder.engine.observed import TrialView
from stepladder.engine.rungs import rungs_upwards
from stepladder.engine.standings import climbers


def split(round_: Round, runs: int) -> tuple[Ladder, ...]:
    """One ladder that holds all runs, its rungs counted from `minSteps` upwards as the paper has them."""
    pruner = round_.pruner
    rungs = rungs_upwards(round_.max_steps, pruner.min_steps or round_.max_steps, pruner.reduction_factor)
    return (Ladder(rungs, runs, pruner.reduction_factor),)


def moves(ladder: Ladder, trials: Sequence[TrialView], direction: Direction) -> Moves:
    """From the highest rung below the top downwards, the best `results // reduction_factor` not yet promoted.

    When nothing is left to start or to wait for, the paper's rule may leave the top rung empty: the best of the
    highest rung then goes on, until one run has reached the top or none is left. After that the others are pruned.
    """
    return climb(ladder, trials, direction, [0] * (len(ladder.rungs) - 1))


def climb(ladder: Ladder, trials: Sequence[TrialView], direction: Direction, least: Sequence[int]) -> Moves:
    """The same, where of each rung below the top, ascending, so many of the best go on at `least`."""
    downwards = tuple(reversed(tuple(pairwise(ladder.rungs))))
    lower = tuple(rung for rung, _ in downwards)
    next_up = climbers(trials, lower, direction, ladder.reduction_factor, least[::-1])
    promotions = tuple(
        Promotion(trial, above) for (_, above), best in zip(downwards, next_up, strict=True) for trial in best
    )
    if promotions or len(trials) < ladder.size or any(not trial.ended and not trial.reached for trial in trials):
        return Moves(promotions)
    top = ladder.rungs[-1]
    if not ranked(trials, top, direction):
        for rung, above in downwards:
            for trial in ranked(trials, rung, direction):
                if can_climb_from(trial, rung):
                    return Moves((Promotion(trial, above),))
    return Moves(prunes=tuple(trial for trial in trials if not trial.ended and trial.target_steps < top))
