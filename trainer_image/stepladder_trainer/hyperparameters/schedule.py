"""Hyperparameters of the learning-rate schedule."""

from dataclasses import dataclass

from stepladder_trainer import catalog
from stepladder_trainer.hyperparameters.declaring import number, one_of, text, whole
from stepladder_trainer.outcomes import ConfigurationError


@dataclass(frozen=True)
class ScheduleHyperparameters:
    """What becomes of the peak learning rate over the steps of a round. Each shape uses those that are its own."""

    name: str = one_of("constant", catalog.SCHEDULES, "what follows the warmup", known_as="schedule")
    warmup_steps: int = whole(0, "updates of a linear rise from 0", low=0)
    warmup_fraction: float = number(0.0, "the same, as a part of the horizon", low=0, below=1)
    decay_steps: int = whole(
        0, "of linear, cosine, exponential: the last updates, in which the rate falls; 0: all after the warmup", low=0
    )
    constant_fraction: float = number(
        0.0, "of linear, cosine, exponential: the part of the horizon, warmup included, before the rate falls", low=0,
        below=1,
    )  # fmt: skip
    decay_to: float = number(0.0, "where the rate ends, or its floor, as a part of the peak", low=0, high=1)
    pieces: str = text("0.5:0.1,0.75:0.01", "of piecewise: from that part of the horizon on, that part of the peak")
    restart_period: int = whole(0, "of cosine_restarts: updates of the first cycle; 0: three cycles in all", low=0)
    restart_multiplier: int = whole(2, "of cosine_restarts: how much longer each cycle is than the last", low=1)
    cycle_steps: int = whole(0, "of triangular(2), exp_range: updates of half a cycle; 0: four cycles in all", low=0)
    cycle_base: float = number(
        0.25, "of triangular(2), exp_range: where cycles begin, as a part of the peak", low=0, high=1
    )
    cycle_gamma: float = number(0.99994, "of exp_range: what the cycles shrink by in an update", above=0, high=1)
    plateau_patience: int = whole(10, "of reduce_on_plateau: evaluations without progress that it forgives", low=0)
    plateau_factor: float = number(0.1, "of reduce_on_plateau: what the rate is multiplied by", above=0, below=1)
    plateau_threshold: float = number(
        1e-4, "of reduce_on_plateau: part of the best value that is progress", low=0, below=1
    )

    def __post_init__(self) -> None:
        if self.warmup_steps and self.warmup_fraction:
            raise ConfigurationError("warmup_steps and warmup_fraction both say how long the warmup is: give one")
        if self.decay_steps and self.constant_fraction:
            raise ConfigurationError("decay_steps and constant_fraction both say when the rate falls: give one")

    def warmup(self, horizon: int) -> int:
        """Updates of the warmup in a run of `horizon` updates: a part of them is rounded to the nearest."""
        return self.warmup_steps or round(self.warmup_fraction * horizon)
