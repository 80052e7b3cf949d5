"""Learning-rate schedules: functions of the step (and of past evaluations), so that nothing about them is saved."""

from collections.abc import Callable
from dataclasses import dataclass

from stepladder_trainer.history import History
from stepladder_trainer.hyperparameters import ScheduleHyperparameters
from stepladder_trainer.schedules.decay import DECAYS

__all__ = ["Schedule", "build"]

Factor = Callable[[int], float]


@dataclass(frozen=True)
class Schedule:
    """The rate rises linearly to its peak at update `warmup`, and decays over what is left of the horizon.

    It ends near 0 at the horizon's last update and at 0 beyond it. The horizon is the round's, not the segment's: a
    promotion continues one and the same curve.
    """

    decay: Callable[[float], float]
    horizon: int
    warmup: int = 0

    def factor(self, step: int) -> float:
        """What the peak learning rate is multiplied by at update `step`, the first being 1."""
        if step <= self.warmup:
            return step / self.warmup
        progress = (step - 1 - self.warmup) / max(1, self.horizon - self.warmup)
        return self.decay(min(1.0, progress))


def build(point: ScheduleHyperparameters, horizon: int, history: History) -> Schedule:
    """The schedule that `point` names over `horizon` steps. `history`: what has been measured so far."""
    return Schedule(DECAYS[point.name], horizon, point.warmup_steps)
