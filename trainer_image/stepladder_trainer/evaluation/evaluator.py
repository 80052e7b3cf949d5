"""Evaluation: the mean of what a task measures, over every example of a set exactly once."""

import math

import torch
from torch import nn

from stepladder_trainer.data import Batch, Dataset, Examples
from stepladder_trainer.tasks.task import Measure

LARGEST_BATCH = 1024


class Evaluator:
    """Measures a model on one data set, in batches that need not divide it: each example weighs the same."""

    def __init__(self, dataset: Dataset, measure: Measure, device: torch.device, *, batch_size: int) -> None:
        self._examples = dataset.to(device) if isinstance(dataset, Examples) else dataset
        self._count = len(dataset)
        self._measure = measure
        self._device = device
        self._batch_size = max(batch_size, LARGEST_BATCH)

    def metrics(self, model: nn.Module) -> dict[str, float]:
        """The means of the task's measures, by name. The model comes back in training mode."""
        totals: dict[str, float] = {}
        model.eval()
        with torch.inference_mode():
            for start in range(0, self._count, self._batch_size):
                batch = self._batch(start, min(start + self._batch_size, self._count))
                for name, values in self._measure(model(batch.inputs), batch.targets).items():
                    totals[name] = totals.get(name, 0.0) + values.double().sum().item()
        model.train()
        return {name: total / self._count if math.isfinite(total) else math.nan for name, total in totals.items()}

    def _batch(self, start: int, stop: int) -> Batch:
        if isinstance(self._examples, Examples):
            return self._examples.at(slice(start, stop))
        inputs, targets = zip(*(self._examples[index] for index in range(start, stop)), strict=True)
        return Batch(torch.stack(inputs).to(self._device), torch.stack(targets).to(self._device))
