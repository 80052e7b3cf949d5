"""What a schedule is made from."""

from collections.abc import Callable
from dataclasses import dataclass

from stepladder_trainer.contract import Objective
from stepladder_trainer.history import History
from stepladder_trainer.hyperparameters import ScheduleHyperparameters

Shape = Callable[[int], float]
"""From the updates since the warmup, 0 being the first after it, to what the peak learning rate is multiplied by."""


@dataclass(frozen=True)
class Request:
    """`horizon`: updates of the whole run, the warmup included. `planned` tells the evaluations that a run has however
    it is cut into segments: no other may count, or a resumed run would not be the same."""

    point: ScheduleHyperparameters
    horizon: int
    history: History
    objective: Objective
    planned: Callable[[int], bool]

    @property
    def updates(self) -> int:
        """Those after the warmup, 1 at least."""
        return max(1, self.horizon - self.point.warmup_steps)
