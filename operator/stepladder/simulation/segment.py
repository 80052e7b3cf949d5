"""One segment of a trial in virtual time: from a checkpoint to where its pod ends."""

import math
from dataclasses import dataclass
from enum import Enum, auto

from stepladder.simulation.curves import Curve


class End(Enum):
    """What a segment comes to if nobody stops it."""

    REACHED = auto()  # the target
    DIVERGED = auto()
    INTERRUPTED = auto()  # the pod was lost; everything it has trained is in its checkpoint


@dataclass(frozen=True)
class Segment:
    """A pod's life. Times are seconds since the study began."""

    trial: int
    curve: Curve
    from_step: int
    to_step: int
    began: float  # its slot is taken from here on
    trains_from: float
    end: End
    until: float = math.inf  # when its slot was free again

    @property
    def ends(self) -> float:
        """When it is over, if nobody stops it."""
        return self.time(self.to_step)

    def time(self, step: int) -> float:
        """When so many steps are done, of those that it trains."""
        return self.trains_from + (self.curve.seconds(step) - self.curve.seconds(self.from_step))

    def step(self, now: float) -> int:
        """The steps that are done by now."""
        if now <= self.trains_from:
            return self.from_step
        if now >= self.ends:
            return self.to_step
        reached = self.curve.step(self.curve.seconds(self.from_step) + (now - self.trains_from))
        return min(max(reached, self.from_step), self.to_step)

    def trained(self, now: float) -> int:
        """The steps that it has trained by now."""
        return self.step(now) - self.from_step
