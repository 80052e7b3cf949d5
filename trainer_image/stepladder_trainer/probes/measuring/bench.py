"""What every probe measures on: fresh learners of the trial's configuration, and batches in its order."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from stepladder_trainer import randomness, tasks
from stepladder_trainer.assembly import point_for
from stepladder_trainer.data import Dataset, Examples, Feed, training_feed
from stepladder_trainer.data.feed import fits
from stepladder_trainer.distributed.ranks import Ranks
from stepladder_trainer.distributed.together import Together
from stepladder_trainer.evaluation.evaluations import default_batch, sampled
from stepladder_trainer.evaluation.evaluator import Evaluator
from stepladder_trainer.hyperparameters import DataHyperparameters, Hyperparameters
from stepladder_trainer.learner import Learner
from stepladder_trainer.models import transfer
from stepladder_trainer.plan import Plan
from stepladder_trainer.probes.ledger import Ledger
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.tasks.task import Measure
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

    def __init__(
        self, trial: Trial, plan: Plan, ledger: Ledger, device: torch.device, here: Ranks = Ranks()  # noqa: B008  frozen
    ) -> None:  # fmt: skip
        torch.set_num_threads(plan.threads)
        self.trial = trial
        self.plan = plan
        self._ledger = ledger
        self._initial_weights = plan.initial_weights
        self.device = device
        self._ranks = here
        self._together = Together(here, sharded=plan.sharded)
        self._acceleration = plan.acceleration
        self.seeds = Seeds(trial.seed, plan.point.seeds)
        self.task = tasks.load(plan.task, tasks.Request(plan.data, plan.options, plan.point, trial.seed))
        training: Dataset = self.task.training
        self.point = point_for(trial, plan, len(training))
        resident = isinstance(training, Examples) and fits(training, self.device)
        self.training = training.to(self.device) if isinstance(training, Examples) and resident else training
        self._workers = plan.loader_workers
        self._evaluation_batch = plan.evaluation.batch_size

    def learner(self, point: Hyperparameters | None = None) -> Learner:
        """One at its start, with the trial's configuration unless told otherwise."""
        learner = Learner(
            self.task,
            point or self.point,
            self.seeds,
            self.device,
            self.trial.horizon_steps,
            acceleration=self._acceleration,
            together=self._together,
        )
        if self._initial_weights:
            transfer.start_from(learner.model, self._initial_weights)
        return learner

    def evaluator(self, dataset: Dataset, measure: Measure | None = None) -> Evaluator:
        """Means over all of `dataset`, of what the task measures unless told otherwise."""
        batch_size = self._evaluation_batch or default_batch(self.task.shape, self.point.data.batch_size)
        measure = measure or self.task.measure
        return Evaluator(dataset, measure, self.device, batch_size=batch_size, workers=self._workers)

    def sample(self) -> Examples:
        """Training examples that stay the same, `SAMPLE` or all, in memory: they are looked at often."""
        chosen = sampled(self.training, SAMPLE)
        if isinstance(chosen, Examples):
            return chosen
        inputs, targets = zip(*(chosen[index] for index in range(len(chosen))), strict=True)
        return Examples(torch.stack(inputs), torch.stack(targets), getattr(chosen, "prepare", None))

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
                numbers = {"learning_rate": learning_rate, "gradient_norm": norm}
                if math.isfinite(loss):
                    learner.apply(learning_rate)
                    numbers["training_loss"] = loss
                self.updated()
                self.trial.log(self._ledger.updates, **numbers)
                yield Seen(step, learning_rate, loss, norm)
                if not math.isfinite(loss):
                    return

    def feed(self, wanted: DataHyperparameters | None = None) -> Feed:
        """Batches in the trial's order."""
        data = wanted or self.point.data
        return training_feed(
            self.training,
            self.task.shape,
            data,
            self.seeds,
            self.device,
            workers=self._workers,
            rank=self._ranks.rank,
            world=self._ranks.world,
        )

    def updated(self) -> None:
        """Count an update. Raises InterruptedProbe when the trial is asked to stop."""
        self._ledger.updates += 1
        self.check_signal()

    def check_signal(self) -> None:
        """Raise InterruptedProbe when the trial is asked to stop. All its processes must ask together."""
        stopping, _ = self.trial.agree(self.trial.should_stop, False)  # noqa: FBT003  two wishes
        if stopping:
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
