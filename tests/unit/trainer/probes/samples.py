"""Probes of small trials on this machine, and time that passes as a test says."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.contract import Scalar, TrialDocument
from stepladder_trainer.data import Batch
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.learner import Learner, Update
from stepladder_trainer.plan import Plan
from stepladder_trainer.probes import options, running
from stepladder_trainer.probes.ledger import Ledger
from stepladder_trainer.probes.measuring import throughput
from stepladder_trainer.probes.measuring.bench import Bench
from stepladder_trainer.probes.verdict import Verdict
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.trial import Trial


def trial_of(directory: Path | None = None, *, steps: int = 40, request: StopRequest | None = None) -> Trial:
    document = TrialDocument(
        seed=7, target_steps=steps, horizon_steps=steps, checkpoint_directory=directory, probe={"type": "any"}
    )
    if directory:
        Checkpoints(directory).prepare()
    return Trial(document, Board(), request or StopRequest())


def plan_of(task: str, parameters: Mapping[str, Scalar]) -> Plan:
    return Plan(task, read(parameters, {}), 1)


BOWL = plan_of("quadratic", {"model": "point", "optimizer": "sgd", "batch_size": 1024})
DIGITS = plan_of("digits", {"width": 8, "dropout": 0.3, "optimizer": "nadam", "learning_rate": 0.01})
STEEP: Mapping[str, Scalar] = {"model": "point", "optimizer": "sgd", "learning_rate": 0.05, "batch_size": 8}


def probe(
    asked: options.Options, plan: Plan, *, steps: int, directory: Path | None = None, request: StopRequest | None = None
) -> tuple[Trial, Verdict | None]:
    trial = trial_of(directory, steps=steps, request=request)
    with trial.saving():
        running.run(trial, plan, asked)
    return trial, trial.verdict


def verdict_of(asked: options.Options, plan: Plan, *, steps: int, directory: Path | None = None) -> Verdict:
    verdict = probe(asked, plan, steps=steps, directory=directory)[1]
    assert verdict is not None
    return verdict


def bench_of(plan: Plan) -> Bench:
    trial = trial_of()
    return Bench(trial, plan, Ledger(trial), torch.device("cpu"))


class StopsAfter(StopRequest):
    """A signal that comes after a probe has looked for one so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._left = looks

    @property
    def signal(self) -> str | None:
        self._left -= 1
        return "SIGTERM" if self._left < 0 else None

    @signal.setter
    def signal(self, value: str | None) -> None: ...


class Clock:
    """Time that passes only where the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def cost(monkeypatch: pytest.MonkeyPatch, seconds: Callable[[int], float], error: Callable[[int], None]) -> Clock:
    """Let updates take `seconds(batch size)`, and memory end where `error` raises."""
    clock, real = Clock(), Learner.gradient

    def costly(self: Learner, batch: Batch, step: int) -> Update:
        error(len(batch.inputs))
        clock.now += seconds(len(batch.inputs))
        return real(self, batch, step)

    monkeypatch.setattr(throughput, "time", clock)
    monkeypatch.setattr(Learner, "gradient", costly)
    return clock
