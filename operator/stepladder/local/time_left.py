"""How long a run will yet take, from what it has done so far."""

from dataclasses import dataclass
from typing import Final

_DOUBT: Final = 1e-4


@dataclass(frozen=True)
class Work:
    """What takes time: starting trainers, and training steps."""

    segments: int
    steps: int


class TimeLeft:
    """Least squares for two unknowns, the time of a start and of a step: seconds = a segments + b steps, a, b >= 0.

    The lowest rungs come first, so a run begins with nothing but short segments. By steps alone a small study, whose
    time goes into starts, would then seem five times as long as it is; by segments alone a large one five times as
    short. Until segments have differed enough to tell, half of the whole is taken for starts and half for steps.
    """

    def __init__(self, planned: Work) -> None:
        """`planned`: of the whole study."""
        self._planned = Work(max(planned.segments, 1), max(planned.steps, 1))
        self._xx = self._xy = self._yy = self._xt = self._yt = 0.0

    def observe(self, done: Work, seconds: float) -> None:
        """The run has done this much since it began."""
        x, y = done.segments / self._planned.segments, done.steps / self._planned.steps
        self._xx += x * x
        self._xy += x * y
        self._yy += y * y
        self._xt += x * seconds
        self._yt += y * seconds

    def seconds(self, remaining: Work) -> float | None:
        """The time for the rest; None before anything was observed."""
        if not self._xx and not self._yy:
            return None
        a, b = self._solved()
        return a * remaining.segments / self._planned.segments + b * remaining.steps / self._planned.steps

    def _solved(self) -> tuple[float, float]:
        doubt = _DOUBT * (self._xx + self._yy)  # the weight of (a - b)^2 beside the squared errors
        xx, xy, yy = self._xx + doubt, self._xy - doubt, self._yy + doubt
        determinant = xx * yy - xy * xy
        a, b = (yy * self._xt - xy * self._yt) / determinant, (xx * self._yt - xy * self._xt) / determinant
        if a < 0:
            return 0.0, self._yt / self._yy
        if b < 0:
            return self._xt / self._xx, 0.0
        return a, b
