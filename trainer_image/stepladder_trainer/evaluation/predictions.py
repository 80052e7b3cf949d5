"""What a model says of a few fixed examples, to be looked at by people: is it wrong where it may be?"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from stepladder_trainer.data import Batch, Dataset
from stepladder_trainer.data.examples import prepared
from stepladder_trainer.data.loader import gathered
from stepladder_trainer.data.sampling import classes_of, sample

EXAMPLES = 8
LIKELIEST = 3  # classes
NUMBERS = 8  # of an output that is no class


class Predictions:
    """The same examples of `dataset` at every evaluation, of every class if there are few."""

    def __init__(self, dataset: Dataset, classes: Sequence[str], device: torch.device) -> None:
        self._classes = classes
        self._indices = sample(len(dataset), EXAMPLES, classes_of(dataset)).tolist()
        names = getattr(dataset, "names", ())
        self._names = [names[index] for index in self._indices] if names else []
        stored = gathered(dataset, self._indices)
        self._batch = prepared(dataset, Batch(stored.inputs.to(device), stored.targets.to(device)))

    def of(self, model: nn.Module) -> list[dict[str, Any]]:
        """One entry for each example: which it is, what is right, and what the model says."""
        was_training = model.training
        model.eval()
        with torch.inference_mode():
            outputs = model(self._batch.inputs)
        model.train(was_training)
        said = described(outputs, self._batch.targets, self._classes)
        places = [{"id": index} for index in self._indices]
        if self._names:
            places = [{**place, "name": name} for place, name in zip(places, self._names, strict=True)]
        return [{**place, **entry} for place, entry in zip(places, said, strict=False)]


def described(outputs: Any, targets: Tensor, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Of each example: the target and the likeliest classes with their probabilities; of language those of the last
    token; else the leading numbers of both. Nothing of outputs that are no tensor."""
    if not isinstance(outputs, Tensor):
        return []
    if targets.is_floating_point():
        pairs = zip(outputs.flatten(1), targets.flatten(1), strict=True)
        return [
            {"target": _numbers(target[:NUMBERS]), "output": _numbers(output[:NUMBERS])} for output, target in pairs
        ]
    if targets.ndim == 2:
        outputs, targets = outputs[:, -1], targets[:, -1]
    top = outputs.float().softmax(-1).topk(min(LIKELIEST, outputs.shape[-1]))

    def name(index: int) -> str | int:
        return classes[index] if classes else index

    return [
        {
            "target": name(int(target)),
            "top": [[name(int(index)), share] for index, share in zip(likeliest, _numbers(shares), strict=True)],
        }
        for target, shares, likeliest in zip(targets, top.values, top.indices, strict=True)
    ]


def _numbers(values: Tensor) -> list[float | None]:
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values.tolist()]
