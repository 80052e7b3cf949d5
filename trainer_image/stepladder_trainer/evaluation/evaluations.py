"""What is measured at which step of a trial, and what is kept of it."""

import logging
import math
from collections.abc import Mapping

import torch
from torch import nn

from stepladder_trainer.checkpoints import Store
from stepladder_trainer.data import Dataset
from stepladder_trainer.data.part import Part, part_of
from stepladder_trainer.data.sampling import classes_of, sample
from stepladder_trainer.evaluation.evaluator import LARGEST_BATCH, Evaluator, Sums
from stepladder_trainer.evaluation.journal import Journal
from stepladder_trainer.evaluation.predictions import Predictions
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.plan import EvaluationSettings
from stepladder_trainer.tasks.task import Task

logger = logging.getLogger(__name__)

BATCH_NUMBERS = 2**22  # that inputs or outputs of an evaluation batch may hold, unless training's hold more

HELD_BYTES = 2**26  # of a sample that is read one by one, to be kept: it is evaluated again and again


class Evaluations:
    """Evaluations of one trial.

    Before the horizon the validation metrics may come from a sample; at the horizon, which is the same step for all
    trials of a round, they come from the full set, and the test set is looked at too. All of this is a function of the
    step alone, so that a run that was cut and resumed has the same history.
    """

    def __init__(
        self, task: Task, device: torch.device, settings: EvaluationSettings, *, training_batch: int, horizon: int,
        store: Store | None = None, workers: int | None = None, rank: int = 0, world: int = 1, sums: Sums = dict,
    ) -> None:  # fmt: skip
        batch_size = settings.batch_size or default_batch(task.shape, training_batch)

        def evaluator(dataset: Dataset) -> Evaluator:
            held = isinstance(dataset, Part) and len(dataset) * _bytes(dataset) <= HELD_BYTES
            return Evaluator(
                dataset, task.measure, device, batch_size=batch_size, classes=len(task.classes), derived=task.derived,
                workers=workers, held=held, rank=rank, world=world, sums=sums,
            )  # fmt: skip

        self._horizon = horizon
        self._classes = task.classes
        self._full = evaluator(task.validation)
        smaller = 0 < settings.sample < len(task.validation)
        self._periodic = evaluator(sampled(task.validation, settings.sample)) if smaller else self._full
        training = settings.training
        if training is None:
            training = default_training_sample(settings.sample if smaller else len(task.validation))
        self._training = evaluator(sampled(task.training, training)) if training else None
        self._test = evaluator(task.test) if task.test is not None else None
        self._store = store if rank == 0 else None
        self._counts = Journal(self._store, "classes.jsonl")
        self._said = Journal(self._store, "predictions.jsonl")
        self._predictions = Predictions(task.validation, task.classes, device) if self._store else None

    def at(self, step: int, model: nn.Module) -> dict[str, float]:
        """The metrics after `step` updates, by the names that studies use: `validation_error`, `training_error`, and
        at the horizon `test_error`. Raises StorageError."""
        final = step >= self._horizon
        validation = (self._full if final else self._periodic).measured(model)
        if final and self._periodic is not self._full:
            _compare(self._periodic.metrics(model)["error"], validation.metrics["error"], self._periodic.count)
        found = _named("validation", validation.metrics)
        if self._training is not None:
            seen = self._training.metrics(model)
            # Their loss would go by the name of the running loss of training batches.
            found |= _named("training", {name: value for name, value in seen.items() if name != "loss"})
        if final and self._test is not None:
            found |= _named("test", self._test.metrics(model))
        if self._classes:
            pairs = zip(validation.correct, validation.examples, strict=True)
            self._counts.add(step, {"classes": dict(zip(self._classes, pairs, strict=True))})
        if self._predictions is not None:
            self._said.add(step, {"predictions": self._predictions.of(model)})
        return found

    def flush(self) -> None:
        """Write what waits to be written. Raises StorageError."""
        self._counts.flush()
        self._said.flush()


def sampled(dataset: Dataset, size: int) -> Dataset:
    """A fixed part of a set, the same for all trials, in which every class has its share; all if it has no more."""
    if size >= len(dataset):
        return dataset
    return part_of(dataset, sample(len(dataset), size, classes_of(dataset)))


def default_training_sample(validation: int) -> int:
    """Training examples to measure the error on: a quarter of what validation costs, from 32 to 256."""
    return min(256, max(32, validation // 4))


def default_batch(shape: Shape, training_batch: int) -> int:
    """Evaluation needs no gradients, so its batch is larger: up to 1024 examples of moderate size, never fewer than
    training's."""
    positions = torch.Size(shape.example).numel() if shape.vocabulary else 1
    largest = max(torch.Size(shape.example).numel(), positions * shape.outputs)
    return max(training_batch, min(LARGEST_BATCH, BATCH_NUMBERS // largest))


def _bytes(dataset: Dataset) -> int:
    example = dataset[0][0]
    return example.numel() * example.element_size()


def _compare(sample: float, full: float, count: int) -> None:
    """Warn if a sample of `count` misses by more than three standard errors what the full set says."""
    if 0 < full < 1 and abs(sample - full) > 3 * math.sqrt(full * (1 - full) / count):
        logger.warning(
            "the sample of %d examples has an error of %.3g, all of them %.3g: its part of the set is too easy or too "
            "hard; raise --evaluation-sample",
            count,
            sample,
            full,
        )


def _named(of: str, metrics: Mapping[str, float]) -> dict[str, float]:
    return {f"{of}_{name}": value for name, value in metrics.items()}
