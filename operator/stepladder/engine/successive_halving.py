"""Synchronous successive halving (Jamieson and Talwalkar, AISTATS 2016): a rung is judged when all of it is there."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from stepladder.api.study import Direction, Round
from stepladder.engine.ladder import Ladder, Moves, Promotion, can_climb_from, judged, ranked
from stepladder.engine.observed import TrialView
from stepladder.engine.rungs import rung_steps

MANY: Final = 100
"""Runs of a ladder. A rung that waits for a thousand tells good from bad hardly better, and so late that random search,
trained to the end, may be there first."""


def split(round_: Round, runs: int) -> tuple[Ladder, ...]:
    """One ladder; where there are many runs several of about `MANY` each, or as many as leave one for the top rung."""
    pruner = round_.pruner
    rungs = rung_steps(round_.max_steps, pruner.min_steps or round_.max_steps, pruner.reduction_factor)
    size = max(MANY, pruner.reduction_factor ** (len(rungs) - 1))
    count = max(1, (runs + size // 2) // size)
    ladder = Ladder(rungs, 0, pruner.reduction_factor)
    return tuple(replace(ladder, size=len(range(place, runs, count))) for place in range(count))


def moves(ladder: Ladder, trials: Sequence[TrialView], direction: Direction) -> Moves:
    """Promote the best `entered // reduction_factor` of each rung that is fully judged, but at least one; prune the
    others. `entered` counts by plan, so that failures thin a rung out but never shift the next one's size.
    """
    if len(trials) < ladder.size:
        return Moves()
    promotions: list[Promotion] = []
    prunes: list[TrialView] = []
    entrants, entered = trials, ladder.size
    for rung, above in pairwise(ladder.rungs):
        if not all(judged(trial, rung) for trial in entrants):
            break
        kept = max(1, entered // ladder.reduction_factor)
        # Those already promoted first: a decision that was acted upon is never revised.
        winners = sorted(ranked(entrants, rung, direction), key=lambda trial: trial.target_steps <= rung)[:kept]
        winning = {trial.number for trial in winners}
        promotions += [Promotion(trial, above) for trial in winners if can_climb_from(trial, rung)]
        prunes += [trial for trial in entrants if trial.number not in winning and can_climb_from(trial, rung)]
        entrants, entered = winners, kept
    return Moves(tuple(promotions), tuple(prunes))
