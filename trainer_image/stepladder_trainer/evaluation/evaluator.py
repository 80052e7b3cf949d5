"""Evaluation: the mean of what a task measures, over every example of a set exactly once."""

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from stepladder_trainer.data import Batch, Dataset, Examples
from stepladder_trainer.data.feed import fits, workers_for
from stepladder_trainer.data.loader import gathered, stream
from stepladder_trainer.tasks.checking import check_measures
from stepladder_trainer.tasks.task import Derive, Measure

LARGEST_BATCH = 1024

Sums = Callable[[Mapping[str, float]], Mapping[str, float]]
"""Each number, summed over the processes that evaluate together."""


@dataclass(frozen=True)
class Measured:
    """Of a set: the means of the task's measures by name; of a classification, how many examples of each class were
    right, and how many there are. Counts, since a rate says little of a class with three examples."""

    metrics: Mapping[str, float]
    correct: tuple[int, ...] = ()
    examples: tuple[int, ...] = ()


@dataclass
class _Totals:
    sums: dict[str, Tensor] = field(default_factory=dict)

    def add(self, name: str, values: Tensor) -> None:
        """Added up on the device: a GPU is waited for once, at the end."""
        total = values.double().sum(0)
        self.sums[name] = self.sums[name] + total if name in self.sums else total


class Evaluator:
    """Measures a model on one data set, in batches that need not divide it: each example weighs the same.

    `classes`: how many, of a classification. `held`: examples that are read one by one are read once and kept. Of
    `world` processes each takes its share, and `sums` adds theirs up.
    """

    def __init__(
        self, dataset: Dataset, measure: Measure, device: torch.device, *, batch_size: int, classes: int = 0,
        derived: Derive | None = None, workers: int | None = None, held: bool = False, rank: int = 0, world: int = 1,
        sums: Sums = dict,
    ) -> None:  # fmt: skip
        resident = isinstance(dataset, Examples) and fits(dataset, device)
        self._dataset = dataset.to(device) if isinstance(dataset, Examples) and resident else dataset
        self._resident = resident
        self._count = len(dataset)
        if self._count < world:  # a process without any would not even know the measures' names
            rank, world, sums = 0, 1, dict
        self._share = range(rank * self._count // world, (rank + 1) * self._count // world)
        self._measure = measure
        self._device = device
        self._batch_size = batch_size
        self._classes = classes
        self._derived = derived
        # Workers start at every evaluation: those that would find no batch to read are not worth it.
        batches = -(-len(self._share) // batch_size)
        self._workers = min(workers_for(dataset, workers), batches if batches > 1 else 0)
        self._held = held
        self._sums = sums

    @property
    def count(self) -> int:
        """How many examples the set has."""
        return self._count

    def metrics(self, model: nn.Module) -> dict[str, float]:
        """The means of the task's measures, by name."""
        return dict(self.measured(model).metrics)

    def measured(self, model: nn.Module) -> Measured:
        """What this set says of the model, which comes back in the mode that it was in. A mean that is not finite is
        not a number."""
        totals = _Totals()
        was_training = model.training
        model.eval()
        # Closed, so that workers have ended before training goes on.
        with torch.inference_mode(), closing(self._batches()) as batches:
            for batch in batches:
                values = self._measure(model(batch.inputs), batch.targets)
                check_measures(values, len(batch.targets))
                for name, found in values.items():
                    totals.add(name, found)
                if self._classes:
                    of_class = nn.functional.one_hot(batch.targets, self._classes)
                    totals.add(" correct", of_class * (values["error"] == 0)[:, None])
                    totals.add(" examples", of_class)
        model.train(was_training)
        return self._told(totals)

    def _told(self, totals: _Totals) -> Measured:
        here = {
            f"{name} {place}": value
            for name, total in totals.sums.items()
            for place, value in enumerate(total.reshape(-1).tolist())
        }
        everywhere = self._sums(here)
        names = [name for name in totals.sums if not name.startswith(" ")]
        means = {name: everywhere[f"{name} 0"] / self._count for name in names}
        metrics = {name: mean if math.isfinite(mean) else math.nan for name, mean in means.items()}
        if self._derived is not None:
            metrics |= self._derived(metrics)
        correct, examples = (
            tuple(round(everywhere[f" {name} {place}"]) for place in range(self._classes))
            for name in ("correct", "examples")
        )
        return Measured(metrics, correct, examples)

    def _batches(self) -> Generator[Batch]:
        if self._held and not self._resident:
            stored = gathered(self._dataset, list(range(self._count)))
            kept = Examples(*stored, prepare=getattr(self._dataset, "prepare", None))
            self._dataset, self._resident = kept.to(self._device), True
        chosen = (
            torch.arange(start, min(start + self._batch_size, self._share.stop))
            for start in range(self._share.start, self._share.stop, self._batch_size)
        )
        if isinstance(self._dataset, Examples) and self._resident:
            yield from (self._dataset.at(slice(int(part[0]), int(part[-1]) + 1)) for part in chosen)
        else:
            yield from stream(self._dataset, chosen, self._device, workers=self._workers)
