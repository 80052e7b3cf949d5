"""How many steps a configuration takes to a target: up to the first evaluation that is as good."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepladder.api.study import Direction
from stepladder.engine.observed import TrialView, better


@dataclass(frozen=True)
class Reached:
    """The first evaluation at the target, and the one before, at which it was not reached (0: there was none)."""

    steps: int
    since: int
    trial: TrialView


def first_reached(direction: Direction, target: float, runs: Sequence[TrialView]) -> Reached | None:
    """Of the repeats of one configuration, the median, the later one of two; one that never came there is the last.

    None if half of them or more never came there.
    """
    found = [at for run in runs if (at := _of_run(direction, target, run)) is not None]
    found.sort(key=lambda at: at.steps)
    middle = len(runs) // 2
    return found[middle] if middle < len(found) else None


def _of_run(direction: Direction, target: float, run: TrialView) -> Reached | None:
    # The best evaluation may be one that the curve, which is thinned, does not have.
    curve = dict(run.curve) | ({run.best.step: run.best.value} if run.best is not None else {})
    since = 0
    for step, value in sorted(curve.items()):
        if not better(direction, target, value):
            return Reached(step, since, run)
        since = step
    return None
