"""Learning-rate schedules: functions of the step (and of past evaluations), so that nothing about them is saved."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from stepladder_trainer.contract import Objective
from stepladder_trainer.history import History
from stepladder_trainer.hyperparameters import ScheduleHyperparameters
from stepladder_trainer.schedules.cyclic import cosine_restarts, exp_range, triangular, triangular2
from stepladder_trainer.schedules.decay import constant, cosine, exponential, linear
from stepladder_trainer.schedules.piecewise import piecewise
from stepladder_trainer.schedules.plateau import reduce_on_plateau
from stepladder_trainer.schedules.request import Request, Shape

__all__ = ["SHAPES", "Schedule", "build"]

SHAPES: dict[str, Callable[[Request], Shape]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "piecewise": piecewise,
    "exponential": exponential,
    "cosine_restarts": cosine_restarts,
    "triangular": triangular,
    "triangular2": triangular2,
    "exp_range": exp_range,
    "reduce_on_plateau": reduce_on_plateau,
}


@dataclass(frozen=True)
class Schedule:
    """The rate rises linearly over the first `warmup` updates to where its shape begins, and follows that.

    Shapes are made for the round's horizon, not the segment's: a promotion continues one and the same curve.
    """

    shape: Shape
    warmup: int = 0

    def factor(self, step: int) -> float:
        """What the peak learning rate is multiplied by at update `step`, the first being 1."""
        if step <= self.warmup:
            return step / self.warmup * self.shape(0)
        return self.shape(step - 1 - self.warmup)


def build(
    point: ScheduleHyperparameters,
    horizon: int,
    history: History,
    *,
    objective: Objective | None = None,
    planned: Callable[[int], bool] = lambda step: True,
) -> Schedule:
    """The schedule that `point` names over `horizon` steps.

    For one that looks at evaluations: `history` has them, now and later; `objective` is what they are judged by, the
    lowest `validation_loss` by default; `planned` tells those that a run has however it is cut into segments. Raises
    ConfigurationError.
    """
    point = replace(point, warmup_steps=point.warmup(horizon), warmup_fraction=0.0)
    request = Request(point, horizon, history, objective or Objective("validation_loss"), planned)
    return Schedule(SHAPES[point.name](request), point.warmup_steps)
