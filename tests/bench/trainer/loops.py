"""Who races: a bare PyTorch loop, the same with our optimizer, and our trainer with everything that it always does."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.trainer.cases import Case
from stepladder_trainer import models, optimizers, tasks
from stepladder_trainer.acceleration import Acceleration
from stepladder_trainer.contract import Objective, TrialDocument
from stepladder_trainer.data import GrowingData, feed_of
from stepladder_trainer.exposition import Board
from stepladder_trainer.plan import Plan
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import train
from stepladder_trainer.trial import Trial

EVALUATIONS = 5  # in a round of the race, on both sides


def now() -> tuple[float, float]:
    """Seconds of the clock, and of this thread's CPU, which other work on the machine does not change."""
    return time.perf_counter(), time.thread_time()


def bare(case: Case, device: torch.device, acceleration: Acceleration, *, own: bool) -> Iterator[None]:
    """What anybody would write, a step between two yields: the same model, data, order and evaluations, and PyTorch's
    fastest Adam, or our `own` optimizer."""
    point = case.point
    task = tasks.load(case.task, tasks.Request(case.data, {}, point))
    feed = feed_of(task.training, GrowingData(len(task.training), point.data.batch_size, seed=0), device)
    validation = feed_of(task.validation, GrowingData(len(task.validation), len(task.validation), seed=0), device)
    everything = validation.batch(1)
    dropout = torch.Generator(device)
    model = models.build(models.Request(task.shape, point, dropout), torch.Generator().manual_seed(0)).to(device)
    optimizer = (
        optimizers.build(model.parameters(), point.optimizer)
        if own
        else torch.optim.Adam(model.parameters(), point.optimizer.learning_rate, fused=True)
    )
    forward, arithmetic = acceleration.compiled(model), acceleration.arithmetic(device)
    for step in range(1, case.steps + 1):
        yield
        batch = feed.batch(step)
        optimizer.zero_grad()
        with arithmetic():
            loss = task.loss(forward(batch.inputs), batch.targets, 0.0)
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own lack
        optimizer.step()
        if step % (case.steps // EVALUATIONS) == 0:
            evaluate(model, task, everything)
    yield


def evaluate(model: nn.Module, task: tasks.Task, everything: Any) -> dict[str, float]:
    """The means over the validation set."""
    model.eval()
    with torch.inference_mode():
        chunks = zip(everything.inputs.split(1024), everything.targets.split(1024), strict=True)
        found = [task.measure(model(inputs), targets) for inputs, targets in chunks]
    model.train()
    return {name: torch.cat([part[name] for part in found]).mean().item() for name in found[0]}


class Paced(Trial):
    """A trial that hands the floor over between its steps."""

    pace: Iterator[None]

    def steps(self, **options: Any) -> Iterator[int]:
        """The same steps, each after the pace allows it."""
        for step in super().steps(**options):
            next(self.pace)
            yield step
        next(self.pace, None)


def ours(case: Case, folder: Path, device: str, acceleration: Acceleration, pace: Iterator[None]) -> Board:
    """Our trainer, checkpoints and event files and all; what it shows at the end."""
    document = TrialDocument(
        parameters=case.parameters,
        target_steps=case.steps,
        horizon_steps=case.steps,
        objective=Objective("validation_error"),
        checkpoint_directory=str(folder),
    )
    board = Board()
    trial = Paced(document, board, StopRequest())
    trial.pace = pace
    plan = Plan(
        case.task,
        case.point,
        case.steps // EVALUATIONS,
        device=device,
        data=case.data,
        acceleration=acceleration,
    )
    with trial.saving():
        train(trial, plan)
    trial.tracking.close()
    return board
