"""Hyperparameters of the learning-rate schedule."""

from dataclasses import dataclass

from stepladder_trainer import catalog
from stepladder_trainer.hyperparameters.declaring import one_of, whole


@dataclass(frozen=True)
class ScheduleHyperparameters:
    """What becomes of the peak learning rate over the steps of a round."""

    name: str = one_of("constant", catalog.SCHEDULES, "the shape of the decay, after the warmup", known_as="schedule")
    warmup_steps: int = whole(0, "updates of a linear rise from 0 to the peak", low=0)
