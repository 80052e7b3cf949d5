"""Whether training fell over: what a loss that was measured often says (Deep Learning Tuning Playbook, "How can
optimization failures be debugged and mitigated?")."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

SUDDEN = 0.25
"""The part of what had been gained that a single measurement loses where the loss rises suddenly."""

SLIGHT = 0.1
"""The part that is lost where the loss rises over a stretch."""

STRETCH = 0.05
"""How long a stretch is, in parts of the run."""

SHORTEST_STRETCH = 5  # measurements
START = 0.5
"""What counts as gained before anything is: this part of the first loss, so that an early rise has a scale."""


class Rise(StrEnum):
    """How a loss shows that training is unstable."""

    NOT_FINITE = "NotFinite"
    SUDDEN = "SuddenRise"
    STRETCH = "RiseOverStretch"


@dataclass(frozen=True)
class Stability:
    """`step`: where the rise began to count; None where training is stable."""

    rise: Rise | None = None
    step: int | None = None

    @property
    def stable(self) -> bool:
        """Whether no rise was found."""
        return self.rise is None


def classify(steps: Sequence[int], losses: Sequence[float]) -> Stability:
    """The first rise of a loss that was measured after the updates `steps`, ascending, 0 being the start.

    A rise is above the least that the loss had been, in parts of what had been gained by then.

    It is sudden where one measurement loses `SUDDEN` of the gain; it is one over a stretch where every measurement
    of a stretch has lost `SLIGHT`. Mini-batches are noisier than that: measure on examples that stay the same.
    """
    stretch = max(SHORTEST_STRETCH, round(STRETCH * len(losses)))
    first, best, above = losses[0], math.inf, 0
    for step, loss in zip(steps, losses, strict=True):
        if not math.isfinite(loss):
            return Stability(Rise.NOT_FINITE, step)
        best = min(best, loss)
        gained = max(first - best, START * abs(first))
        lost = (loss - best) / gained if gained else 0.0
        if lost > SUDDEN:
            return Stability(Rise.SUDDEN, step)
        above = above + 1 if lost > SLIGHT else 0
        if above == stretch:
            return Stability(Rise.STRETCH, step)
    return Stability()


def described(stability: Stability) -> str:
    """In words."""
    words = {
        Rise.NOT_FINITE: "not finite",
        Rise.SUDDEN: "a sudden rise of the loss",
        Rise.STRETCH: "a loss that rises over a stretch",
    }
    return "stable" if stability.rise is None else f"{words[stability.rise]} at step {stability.step}"
