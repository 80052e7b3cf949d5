"""Simulated annealing (Kirkpatrick et al. 1983) in parallel chains.

Proposal i belongs to chain i mod `chains`. A chain accepts a worse result with probability exp(-difference/T), T
falling geometrically with each result that it has judged (Metropolis et al. 1953). Results come out of order, and
under a pruner they may yet change: where a chain stands is therefore reckoned anew from its trials for each proposal,
each trial judged by a draw of its own. A trial that has not come back does not hold its chain up.
"""

import math
from collections.abc import Mapping

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.api.samplers import AnnealingSettings
from stepladder.search.axis import Axis
from stepladder.search.evidence import ENOUGH, Standing, earlier, maximizes, standings
from stepladder.search.moves import configuration, moved, switched
from stepladder.search.novelty import first_new
from stepladder.search.samplers import Request
from stepladder.search.seeds import derive
from stepladder.search.startup import LearningSampler

REACH = 0.1
"""How far a neighbour may lie along each numeric axis, as a part of its range."""


class SimulatedAnnealingSampler(LearningSampler):
    """A neighbour of where the proposal's chain stands; quasi-random while it stands nowhere."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._settings = request.settings.simulated_annealing or AnnealingSettings()
        self._seed, self._index = request.seed, request.index

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Scalar]:
        """The neighbour, or nothing while the chain stands nowhere."""
        before = earlier(study, trial)
        current = self._current(before, standings(before, maximize=maximizes(study)))
        if current is None:
            return {}
        at = current
        return first_new(lambda rng: self.neighbour(at, rng), before, derive(self._seed, self._index)) or {}

    def _current(self, before: list[FrozenTrial], known: dict[int, Standing]) -> dict[str, Scalar] | None:
        """The configuration that the chain accepted last."""
        temperature = self._settings.initial_temperature * scale(known)
        current: FrozenTrial | None = None
        for trial in before[self._index % self._settings.chains :: self._settings.chains]:
            standing = known.get(trial.number)
            if standing is None or not standing.feasible or not trial.params:
                continue
            worse = standing.value - known[current.number].value if current else -math.inf
            if accepts(worse, temperature, derive(self._seed, trial.number, "accept")):
                current = trial
            temperature *= self._settings.cooling_factor
        return current.params if current else None

    def neighbour(self, current: Mapping[str, Scalar], rng: np.random.Generator) -> dict[str, Scalar]:
        """Every number moved within its reach, now and then another choice; what was inactive is drawn anew."""

        def near(axis: Axis) -> Scalar:
            if axis.name not in current:
                return axis.value(float(rng.random()))
            value = current[axis.name]
            if axis.choices is None:
                return moved(axis, value, rng.uniform(-1, 1), REACH)
            return switched(axis, value, rng) if rng.random() < 1 / len(self._space.axes) else value

        return configuration(self._space, {name: near(axis) for name, axis in self._space.axes.items()})


def accepts(worse: float, temperature: float, seed: int) -> bool:
    """Whether a result that is `worse` by so much is accepted: always where it is not, else by exp(-worse/T)."""
    if worse <= 0:
        return True
    return temperature > 0 and np.random.default_rng(seed).random() < math.exp(-worse / temperature)


def scale(known: dict[int, Standing]) -> float:
    """The standard deviation of the objective over the first trials, so that a temperature means the same anywhere."""
    first = [standing.value for _, standing in sorted(known.items()) if standing.feasible][:ENOUGH]
    return float(np.std(first)) if first else 0.0


def make(request: Request) -> SimulatedAnnealingSampler:
    """The sampler of one proposal."""
    return SimulatedAnnealingSampler(request)
