"""What every probe measures on: fresh learners of the trial's configuration, and batches in its order."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from stepladder_trainer import devices, randomness, tasks
from stepladder_trainer.data import Dataset, Examples, Feed, training_feed
from stepladder_trainer.evaluation import Evaluator
from stepladder_trainer.hyperparameters import DataHyperparameters, Hyperparameters
from stepladder_trainer.learner import Learner
from stepladder_trainer.plan import Plan
from stepladder_trainer.probes.ledger import Ledger
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.trial import Trial

SAMPLE = 512
"""Training examples that a loss is measured on where it must not carry the noise of batches."""


class InterruptedProbe(Exception):
    """A signal has asked for an end in the middle of a part, which is given up."""


@dataclass(frozen=True)
class Seen:
    """What update `step` of a run saw, before it moved the weights."""

    step: int
    learning_rate: float
    loss: float
    gradient_norm: float


class Bench:
    """The task of a trial on its device. Every learner starts from the same weights."""

    def __init__(self, trial: Trial, plan: Plan, ledger: Ledger) -> None:
        torch.set_num_threads(plan.threads)
        self.trial = trial
        self._ledger = ledger
        self.point = plan.point
        self.device = devices.device(plan.device)
        self.seeds = Seeds(trial.seed, plan.point.seeds)
        self.task = tasks.load(plan.task, tasks.Request(plan.data, plan.options, plan.point, trial.seed))
        training: Dataset = self.task.training
        self.training = training.to(self.device) if isinstance(training, Examples) else training

    def learner(self, point: Hyperparameters | None = None) -> Learner:
        """One at its start, with the trial's configuration unless told otherwise."""
        return Learner(self.task, point or self.point, self.seeds, self.device)

    def evaluator(self, dataset: Dataset) -> Evaluator:
        """Means over all of `dataset`."""
        return Evaluator(dataset, self.task.measure, self.device, batch_size=self.point.data.batch_size)

    def sample(self) -> Examples:
        """Training examples that stay the same for a trial, `SAMPLE` or all."""
        generator = torch.Generator().manual_seed(randomness.derive(self.trial.seed, "sample"))
        chosen = torch.randperm(len(self.training), generator=generator)[:SAMPLE].tolist()
        inputs, targets = zip(*(self.training[index] for index in chosen), strict=True)
        return Examples(torch.stack(inputs), torch.stack(targets))

    def descend(
        self, learner: Learner, learning_rates: Iterable[float], wanted: DataHyperparameters | None = None
    ) -> Iterator[Seen]:
        """Make one update at each of `learning_rates`, the first being step 1, on batches in the trial's order or as
        `wanted`. A loss that is not finite is the last, and moves nothing.

        Raises InterruptedProbe when the trial is asked to stop.
        """
        with self.feed(wanted) as feed:
            for step, learning_rate in enumerate(learning_rates, 1):
                update = learner.gradient(feed.batch(step), step)
                loss, norm = update.loss, update.gradient_norm
                if math.isfinite(loss):
                    learner.apply(learning_rate)
                    self.trial.log(step, training_loss=loss)
                self.trial.log(step, learning_rate=learning_rate, gradient_norm=norm)
                self.updated()
                yield Seen(step, learning_rate, loss, norm)
                if not math.isfinite(loss):
                    return

    def feed(self, wanted: DataHyperparameters | None = None) -> Feed:
        """Batches in the trial's order."""
        return training_feed(self.training, self.task.shape, wanted or self.point.data, self.seeds, self.device)

    def updated(self) -> None:
        """Count an update. Raises InterruptedProbe when the trial is asked to stop."""
        self._ledger.updates += 1
        if self.trial.should_stop:
            raise InterruptedProbe


@contextmanager
def undisturbed(learner: Learner) -> Iterator[None]:
    """Afterwards weights, optimizer and global random states are what they were before, bit for bit; the order of data
    is a function of the step, and so is what dropout draws."""
    before, states = learner.snapshot(), randomness.global_states()
    try:
        yield
    finally:
        learner.restore(before)
        randomness.set_global_states(states)
