"""What a trial trains and how it goes about it, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class Plan:
    """The trainer's flags. `evaluate_every` in steps, never in time: runs on other machines must compare."""

    task: str
    point: Hyperparameters
    evaluate_every: int
    checkpoint_seconds: float = 60.0
    device: str = "cpu"
    threads: int = 1
    profile: int = 0  # steps
    count_flops: bool = False
    data: str | None = None
    initial_weights: str | None = None
    options: Mapping[str, Scalar] = field(default_factory=dict)
