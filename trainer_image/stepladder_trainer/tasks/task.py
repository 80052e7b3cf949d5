"""What a task is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from stepladder_trainer.contract import Scalar
from stepladder_trainer.data.examples import Dataset
from stepladder_trainer.hyperparameters import Hyperparameters
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.tasks.units import Units

Loss = Callable[[Any, Tensor, float], Tensor]
Measure = Callable[[Any, Tensor], Mapping[str, Tensor]]
Derive = Callable[[Mapping[str, float]], Mapping[str, float]]


@dataclass(frozen=True)
class Request:
    """What a task is made from: the trainer's flags, and the trial's hyperparameters."""

    data: str | None = None  # --data: a file or a folder
    options: Mapping[str, Scalar] = field(default_factory=dict)  # --option NAME=VALUE
    point: Hyperparameters = field(default_factory=Hyperparameters)
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """Data, and how models are trained and judged on it.

    `loss(outputs, targets, label_smoothing)` is the mean over a batch that training minimises, a scalar.
    `measure(outputs, targets)` is what evaluation reports: values of each example, (batch,), whose mean over all of a
    set is the metric; `error` becomes `validation_error`, and `loss` is there too. `derived` makes further metrics of
    those means, such as perplexity.

    Of a classification `classes` are the names, by target, and a wrong example has an error above 0. `test` is looked
    at once, at the end. `chance` is the `error` of the best answer that is always the same, where that does not follow
    from the classes. `units` are for whoever serves the model.
    """

    training: Dataset
    validation: Dataset
    shape: Shape
    loss: Loss
    measure: Measure
    test: Dataset | None = None
    classes: tuple[str, ...] = ()
    derived: Derive | None = None
    chance: float | None = None
    units: Units = Units()  # noqa: RUF009  frozen
