"""Freeze-thaw (the idea: Swersky, Snoek & Adams, 1406.3896): many are started, most lie frozen, few are thawed.

What is new is proposed by the sampler's model of all curves so far; who is thawed is decided here, by rungs, since in
our measurements order at a rung foretold the end better than extrapolated curves did (docs/decisions.md, 11):

- *opening*: first as much is spent on looking around as one full run costs (the most exploring bracket of Hyperband,
  Li et al., JMLR 2018, Algorithm 1: max_steps / min_steps runs to the lowest rung, of which `MOST` are enough for a
  model to know its way), and nobody is thawed;
- then whoever is in the best 1/eta of its rung is thawed, as in ASHA, at the deepest rung first;
- in the upper half of the ladder the best of a rung is thawed at once, however few it has beaten: it is the best that
  is known, and what it shows further up is what later ones are measured by.
"""

from collections.abc import Sequence
from typing import Final

from stepladder.api.study import Direction
from stepladder.engine import asha
from stepladder.engine.ladder import Ladder, Moves, judged
from stepladder.engine.observed import TrialView

MOST: Final = 50
"""Runs of an opening. On ladders of 81 to 1 this reaches targets with two thirds of the steps that 81 runs take."""


def opening(ladder: Ladder) -> int:
    """How many have to be judged at the lowest rung before anyone is thawed: at most half, so that while the last of
    them train there are others to start."""
    return min((ladder.size + 1) // 2, MOST, ladder.rungs[-1] // ladder.rungs[0])


def moves(ladder: Ladder, trials: Sequence[TrialView], direction: Direction) -> Moves:
    """Nothing while the ladder opens, then promotions as ASHA makes them, and of the leaders in the upper half."""
    lowest, top = ladder.rungs[0], ladder.rungs[-1]
    if sum(judged(trial, lowest) for trial in trials) < opening(ladder):
        return Moves()
    return asha.climb(ladder, trials, direction, [int(rung**2 > lowest * top) for rung in ladder.rungs[:-1]])
