"""Ray Tune's ASHA, HyperBand and BOHB, without a Ray cluster: a controller of our own stands in for Tune's.

It does what `ray.tune.execution.tune_controller.TuneController` does with a free slot and with a result: trials are
added until `pending` wait (200 where they are drawn at random, 1 where a searcher is asked, as in Tune 2.60), the
scheduler chooses first and the queue goes next. ASHA stops trials and never resumes one; the two synchronous ones pause
them, and a resumed trial goes on from its checkpoint.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ConfigSpace
import numpy as np
from ray.tune.experiment import Trial as Status
from ray.tune.schedulers import ASHAScheduler, HyperBandForBOHB, HyperBandScheduler, TrialScheduler
from ray.tune.search.bohb import TuneBOHB

from bench.search.peers.at_random import draws
from bench.search.problems import Problem
from bench.search.race import Decision, Take
from stepladder.api.model import Scalar
from stepladder.search.space import Space

METRIC = "value"
PENDING_AT_RANDOM = 200


@dataclass(eq=False)
class FakeTrial:
    """What schedulers look at in a trial."""

    number: int
    status: str = Status.PENDING
    is_saving: bool = False
    last_result: dict[str, Any] = field(default_factory=dict)

    @property
    def trial_id(self) -> str:
        """Of Tune's kind: text."""
        return f"{self.number:05}"


class RandomSearcher:
    """What Tune's variant generator is to its controller."""

    def __init__(self, proposals: Iterator[Mapping[str, Scalar]]) -> None:
        self._proposals = proposals

    def suggest(self, trial_id: str) -> Mapping[str, Scalar]:
        """The next draw."""
        return next(self._proposals)

    def trained(self, trial_id: str, configuration: Mapping[str, Scalar]) -> None:
        """Nothing to learn."""

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing to learn."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, *, error: bool = False) -> None:
        """Nothing to learn."""


class ToldBOHB(TuneBOHB):  # type: ignore[misc]  # Ray has no types here
    """TuneBOHB that is told which configuration of the table stood in for its proposal."""

    def trained(self, trial_id: str, configuration: Mapping[str, Scalar]) -> None:
        """Results are of this configuration."""
        self.trial_to_params[trial_id] = {name: configuration[name] for name in self._space if name in configuration}


class Controller:
    """Tuner and Tune's controller in one. Schedulers call `stop_trial` and `get_trials`, and `search_alg.searcher`."""

    def __init__(self, scheduler: Any, searcher: Any, *, pending: int, evaluations: int) -> None:
        self._scheduler, self.searcher = scheduler, searcher
        self._pending, self._evaluations = pending, evaluations
        self._trials: list[FakeTrial] = []
        self._exhausted = False

    @property
    def search_alg(self) -> "Controller":
        """HyperBandForBOHB reaches for the searcher through this name."""
        return self

    def get_trials(self) -> list[FakeTrial]:
        """All trials, in the order in which they were added."""
        return self._trials

    def stop_trial(self, trial: FakeTrial) -> None:
        """As Tune's own: a paused trial is removed, a running one is complete."""
        if trial.status in (Status.PENDING, Status.PAUSED):
            self._scheduler.on_trial_remove(self, trial)
            self.searcher.on_trial_complete(trial.trial_id)
        elif trial.status == Status.RUNNING:
            self._scheduler.on_trial_complete(self, trial, trial.last_result)
            self.searcher.on_trial_complete(trial.trial_id, result=trial.last_result)
        trial.status = Status.TERMINATED

    def start(self, take: Take) -> int | None:
        """The trial that the scheduler chooses, else the first that waits."""
        waiting = sum(trial.status == Status.PENDING for trial in self._trials)
        while waiting < self._pending and not self._exhausted:
            trial = FakeTrial(len(self._trials))
            configuration = take(trial.number, self.searcher.suggest(trial.trial_id))
            if configuration is None:
                self._exhausted = True
                self.searcher.on_trial_complete(trial.trial_id)
                break
            self.searcher.trained(trial.trial_id, configuration)
            self._trials.append(trial)
            self._scheduler.on_trial_add(self, trial)
            waiting += 1
        chosen: FakeTrial | None = self._scheduler.choose_trial_to_run(self)
        if chosen is None:
            chosen = next((trial for trial in self._trials if trial.status == Status.PENDING), None)
        if chosen is None:
            return None
        chosen.status = Status.RUNNING
        return chosen.number

    def report(self, trial: int, evaluation: int, value: float) -> Decision:
        """The scheduler's decision, carried out."""
        found = self._trials[trial]
        found.last_result = {METRIC: value, "training_iteration": evaluation}
        decision = self._scheduler.on_trial_result(self, found, found.last_result)
        self.searcher.on_trial_result(found.trial_id, found.last_result)
        if found.status == Status.TERMINATED:
            return Decision.STOP
        if decision == TrialScheduler.PAUSE:
            found.status = Status.PAUSED
            return Decision.PAUSE
        if decision == TrialScheduler.STOP or evaluation == self._evaluations:
            self.stop_trial(found)
            return Decision.STOP
        return Decision.CONTINUE

    def diverged(self, trial: int) -> None:
        """An error in the trial."""
        found = self._trials[trial]
        self._scheduler.on_trial_error(self, found)
        self.searcher.on_trial_complete(found.trial_id, error=True)
        found.status = Status.ERROR


def _controller(scheduler: Any, searcher: Any, problem: Problem, pending: int) -> Controller:
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    return Controller(scheduler, searcher, pending=pending, evaluations=len(problem.steps))


def asha(problem: Problem, seed: int) -> Controller:
    """ASHAScheduler with one bracket, its default, and random draws."""
    scheduler = ASHAScheduler(metric=METRIC, mode="min", max_t=len(problem.steps), grace_period=1, reduction_factor=3)
    return _controller(scheduler, RandomSearcher(draws(problem.space, seed)), problem, PENDING_AT_RANDOM)


def hyperband(problem: Problem, seed: int) -> Controller:
    """HyperBandScheduler with random draws."""
    scheduler = HyperBandScheduler(metric=METRIC, mode="min", max_t=len(problem.steps), reduction_factor=3)
    return _controller(scheduler, RandomSearcher(draws(problem.space, seed)), problem, PENDING_AT_RANDOM)


def bohb(problem: Problem, seed: int) -> Controller:
    """HyperBandForBOHB with TuneBOHB."""
    warnings.filterwarnings("ignore", module="statsmodels|pandas")
    np.random.seed(seed)
    space = conditional(problem.space, seed)
    searcher = ToldBOHB(space=space, metric=METRIC, mode="min", seed=seed)
    scheduler = HyperBandForBOHB(metric=METRIC, mode="min", max_t=len(problem.steps), reduction_factor=3)
    return _controller(scheduler, searcher, problem, 1)


def conditional(space: Space, seed: int) -> ConfigSpace.ConfigurationSpace:
    """The same space as ConfigSpace has it, conditions included."""
    found = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, axis in space.axes.items():
        if axis.choices is not None:
            found.add(ConfigSpace.CategoricalHyperparameter(name, list(axis.choices)))
            continue
        d = axis.numeric
        whole = isinstance(d.low, int)
        kind = ConfigSpace.UniformIntegerHyperparameter if whole else ConfigSpace.UniformFloatHyperparameter
        found.add(kind(name, d.low, d.high, log=d.log))
    for name, axis in space.axes.items():
        if (when := axis.parameter.when) is not None:
            found.add(ConfigSpace.InCondition(found[name], found[when.parameter], list(when.values)))
    return found
