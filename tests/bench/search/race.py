"""A tuner on recorded curves in virtual time: steps are counted as its workers would train them."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from stepladder.api.model import Scalar
from stepladder.simulation.pool import Pool
from stepladder.simulation.table import Entry


class Decision(Enum):
    """What a tuner does with a trial that has just been evaluated."""

    CONTINUE = auto()
    PAUSE = auto()  # it keeps its checkpoint, and `start` may name it again
    STOP = auto()


class Take(Protocol):
    """Trains a proposal under a number: the number's configuration is the nearest of the table that is left."""

    def __call__(self, trial: int, proposal: Mapping[str, Scalar]) -> Mapping[str, Scalar] | None:
        """The configuration in place of the proposal, None when the table is used up."""
        ...


class Tuner(Protocol):
    """Somebody's sampler and scheduler. Evaluations of a trial are counted from 1."""

    def start(self, take: Take) -> int | None:
        """What a free worker trains next: a new number, for which `take` was called, or that of a paused trial."""
        ...

    def report(self, trial: int, evaluation: int, value: float) -> Decision:
        """An evaluation. After the last of the curve the trial has ended, whatever is decided."""
        ...

    def diverged(self, trial: int) -> None:
        """The trial has ended, without a value."""
        ...


@dataclass(frozen=True)
class Improvement:
    """A moment at which the best value became lower."""

    trained: int  # steps of all workers so far
    wall: float  # steps that one worker would have trained meanwhile
    best: float


@dataclass(frozen=True)
class Trace:
    """A whole run."""

    improvements: tuple[Improvement, ...]
    trained: int
    wall: float
    trials: int


class _Table:
    """What is still to be had, and what has been taken."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.taken: dict[int, Entry] = {}

    def take(self, trial: int, proposal: Mapping[str, Scalar]) -> Mapping[str, Scalar] | None:
        if not self._pool.candidates:
            return None
        entry = self.taken[trial] = self._pool.take(proposal)
        return entry.parameters


def race(tuner: Tuner, pool: Pool, *, workers: int, budget: int, target: float | None = None) -> Trace:
    """Run until `budget` steps are trained, the target is met, or nothing is left to do. A step takes a unit of time.

    A trial trains from one evaluation to the next; what a paused one has trained is never trained again.
    """
    table = _Table(pool)
    evaluations: dict[int, int] = {}
    running: list[tuple[int, int, int, int]] = []  # (end, order, trial, begin) of the way to the next evaluation
    improvements: list[Improvement] = []
    now = finished = order = 0

    def train(trial: int) -> None:
        nonlocal order
        curve, done = table.taken[trial].curve, evaluations.setdefault(trial, 0)
        reached = curve.steps[done - 1] if done else 0
        goal = curve.steps[done] if done < len(curve.steps) else curve.diverged
        if goal is None:
            raise ValueError(f"trial {trial} has been trained to the end and cannot be started again")
        order += 1
        heapq.heappush(running, (now + goal - reached, order, trial, now))

    while True:
        while len(running) < workers and (trial := tuner.start(table.take)) is not None:
            train(trial)
        if not running:
            break
        now, _, trial, began = heapq.heappop(running)
        finished += now - began
        curve, evaluation = table.taken[trial].curve, evaluations[trial] + 1
        evaluations[trial] = evaluation
        if evaluation > len(curve.steps):
            tuner.diverged(trial)
        else:
            value = curve.values[evaluation - 1]
            if not improvements or value < improvements[-1].best:
                trained = finished + sum(now - begin for _, _, _, begin in running)
                improvements.append(Improvement(trained, float(now), value))
            decision = tuner.report(trial, evaluation, value)
            ended = evaluation == len(curve.steps) and curve.diverged is None
            if decision is Decision.CONTINUE and not ended:
                train(trial)
        met = target is not None and improvements and improvements[-1].best <= target
        if met or finished >= budget:
            break
    trained = finished + sum(now - begin for _, _, _, begin in running)
    return Trace(tuple(improvements), trained, float(now), len(table.taken))
