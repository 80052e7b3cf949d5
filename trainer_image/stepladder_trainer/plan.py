"""What a trial trains and how it goes about it, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepladder_trainer.acceleration import Acceleration
from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class EvaluationSettings:
    """A batch size of 0 is chosen, and the number of `training` examples if it is None; a sample of 0 is all of the
    set."""

    batch_size: int = 0
    sample: int = 0
    training: int | None = None


@dataclass(frozen=True)
class Plan:
    """The trainer's flags. `evaluate_every` in steps, never in time: runs on other machines must compare."""

    task: str
    point: Hyperparameters
    evaluate_every: int
    batch_size_asked: bool = True  # else the default gives way to a smaller data set
    checkpoint_seconds: float = 60.0
    device: str = "cpu"
    gpu_memory_fraction: float = 1.0  # of each GPU, for several trials on one
    acceleration: Acceleration = Acceleration()  # noqa: RUF009  frozen
    sharded: bool = False  # the model over the processes, where there are several
    threads: int = 1
    profile: int = 0  # steps
    count_flops: bool = False
    data: str | None = None
    loader_workers: int | None = None  # as many as there are spare CPUs
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    initial_weights: str | None = None
    options: Mapping[str, Scalar] = field(default_factory=dict)
