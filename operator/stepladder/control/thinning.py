"""Which points of a long curve are kept.

A pruner that judges at every evaluation must see the same curve before and after a restart, hence the same whether it
is read from the status, which is bounded, or from what was scraped since. What is kept therefore depends on the steps
alone, never on when they were seen, and spreads over the whole curve.
"""

from collections.abc import Iterable
from typing import Final

POINTS: Final = 63  # and one; with a trial's 64 rungs that is what a status may hold


def kept_steps(steps: Iterable[int], horizon: int) -> frozenset[int]:
    """The first step of each of 63 equal parts of the way to `horizon`, and the newest one.

    To thin a thinned curve with further points is to thin the whole, but for the points that were the newest once.
    """
    first: dict[int, int] = {}
    newest: tuple[int, ...] = ()
    for step in sorted(steps):
        first.setdefault(min(step * POINTS // horizon, POINTS - 1), step)
        newest = (step,)
    return frozenset({*first.values(), *newest})
