"""From a model's outputs to JSON."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from stepladder_trainer.tasks import Task


@dataclass
class Answers:
    """One prediction for each input; of a classification the probability of each class too."""

    predictions: list[Any] = field(default_factory=list)
    probabilities: list[list[float | None]] = field(default_factory=list)

    def __iadd__(self, more: Self) -> Self:
        self.predictions += more.predictions
        self.probabilities += more.probabilities
        return self

    def wire(self, classes: Sequence[str]) -> dict[str, Any]:
        """The body of an answer; of a classification `classes` name the probabilities."""
        told: dict[str, Any] = {"predictions": self.predictions}
        return told | {"probabilities": self.probabilities, "classes": list(classes)} if self.probabilities else told


def answers(outputs: Any, task: Task) -> Answers:
    """What the outputs (batch, ...) say: names of classes, the next token of a text, else numbers in the units of the
    task's targets. A number that is not finite is null."""
    values: Tensor = getattr(outputs, "values", outputs) if not isinstance(outputs, Tensor) else outputs
    values = values.cpu()
    if task.shape.vocabulary:
        likeliest = values[:, -1].argmax(-1).tolist()
        return Answers([task.units.tokens[index] if task.units.tokens else index for index in likeliest])
    if task.classes:
        shares = values.double().softmax(-1)
        known = torch.isfinite(values).all(-1).tolist()  # the maximum of NaNs has an index too
        likeliest = values.argmax(-1).tolist()
        names = [task.classes[index] if finite else None for index, finite in zip(likeliest, known, strict=True)]
        return Answers(names, _plain(shares.tolist()))
    if task.units.raw is not None:
        values = task.units.raw(values)
    return Answers(_plain(values.tolist()))


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if math.isfinite(value) else None
