"""Syne Tune's ASHA, which stops trials and never resumes one (its promotion variants are gone since 0.14), with random
draws and with its KDE searcher (it calls that BOHB).

Its spaces know no conditions: the KDE searcher sees all parameters, and those that do not exist in the configuration
that is trained keep the proposal's values.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Any

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer.baselines import ASHA, BOHB
from syne_tune.optimizer.scheduler import SchedulerDecision

from bench.search.peers.at_random import draws
from bench.search.problems import Problem
from bench.search.race import Decision, Take
from stepladder.api.model import Scalar
from stepladder.search.space import Space

METRIC, TIME = "value", "evaluation"
EPOCH = datetime(2026, 1, 1)


class SyneTuner:
    """`suggest`, `on_trial_add`, `on_trial_result`, `on_trial_remove`, as Syne Tune's Tuner calls them."""

    def __init__(self, scheduler: Any, proposals: Iterator[Mapping[str, Scalar]] | None) -> None:
        self._scheduler = scheduler
        self._proposals = proposals
        self._numbers = count()
        self._trials: dict[int, Trial] = {}

    def start(self, take: Take) -> int | None:
        """The searcher's next suggestion."""
        number, suggested = next(self._numbers), {}
        if self._proposals is None:
            suggested = {name: _plain(value) for name, value in self._scheduler.suggest().config.items()}
        configuration = take(number, next(self._proposals) if self._proposals else suggested)
        if configuration is None:
            return None
        self._trials[number] = Trial(number, {**suggested, **configuration}, EPOCH)
        self._scheduler.on_trial_add(self._trials[number])
        return number

    def report(self, trial: int, evaluation: int, value: float) -> Decision:
        """The scheduler's decision."""
        decision = self._scheduler.on_trial_result(self._trials[trial], {METRIC: value, TIME: evaluation})
        if decision == SchedulerDecision.STOP:  # after the last evaluation always
            self._scheduler.on_trial_remove(self._trials[trial])
            return Decision.STOP
        return Decision.CONTINUE

    def diverged(self, trial: int) -> None:
        """An error."""
        self._scheduler.on_trial_error(self._trials[trial])


def _plain(value: Any) -> Scalar:
    plain: Scalar = value.item() if isinstance(value, np.generic) else value
    return plain


def _space(space: Space) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, axis in space.axes.items():
        if axis.choices is not None:
            found[name] = choice(list(axis.choices))
            continue
        d = axis.numeric
        whole = isinstance(d.low, int)
        kinds = (lograndint if d.log else randint) if whole else (loguniform if d.log else uniform)
        found[name] = kinds(d.low, d.high)
    return found


def _settings(problem: Problem, seed: int) -> dict[str, Any]:
    logging.getLogger("syne_tune").setLevel(logging.CRITICAL)
    np.random.seed(seed)
    return {
        "config_space": _space(problem.space),
        "metric": METRIC,
        "time_attr": TIME,
        "max_t": len(problem.steps),
        "grace_period": 1,
        "reduction_factor": 3,
        "random_seed": seed,
    }


def asha(problem: Problem, seed: int) -> SyneTuner:
    """ASHA on random draws; ours, so that conditions hold."""
    return SyneTuner(ASHA(**_settings(problem, seed)), draws(problem.space, seed))


def bohb(problem: Problem, seed: int) -> SyneTuner:
    """ASHA on proposals of kernel density estimates."""
    return SyneTuner(BOHB(**_settings(problem, seed)), None)
