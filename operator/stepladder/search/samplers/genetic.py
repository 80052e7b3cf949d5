"""A steady-state genetic algorithm (Syswerda 1989; Whitley's GENITOR 1989): each result replaces the worst at once.

Nothing waits for a generation to be complete, so that parallel trials of different lengths idle no slot. Parents are
the winners of tournaments among the best so far (Goldberg & Deb 1991); parameters are crossed uniformly and each is
mutated with probability 1/d (Muehlenbein 1992): a number by a bell curve on its axis, a choice to another one.
"""

from collections.abc import Sequence

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.api.samplers import GeneticSettings
from stepladder.search.axis import Axis
from stepladder.search.evidence import STARTUP, earlier, maximizes, standings
from stepladder.search.moves import configuration, moved, switched
from stepladder.search.novelty import first_new
from stepladder.search.samplers import Request
from stepladder.search.seeds import derive
from stepladder.search.startup import LearningSampler

SPREAD = 0.1
"""Standard deviation of a numeric mutation, as a part of the parameter's range."""


class GeneticSampler(LearningSampler):
    """A child of two tournaments' winners; quasi-random until enough trials have come back."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._settings = request.settings.genetic or GeneticSettings()
        self._startup = request.settings.startup_trials or STARTUP
        self._seed = derive(request.seed, request.index)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Scalar]:
        """The child, or nothing while the trials are too few."""
        before = earlier(study, trial)
        known = standings(before, maximize=maximizes(study))
        # By rank and not by value: a trial that was let go on has won against those that were pruned before it.
        ranked = sorted((known[t.number].rank, t.number) for t in before if t.number in known and t.params)
        feasible = [number for _, number in ranked if known[number].feasible]
        if len(ranked) < self._startup or len(feasible) < 2:
            return {}
        parents = [before[number].params for number in feasible[: self._settings.population]]
        return first_new(lambda rng: self._child(parents, rng), before, self._seed) or {}

    def _child(self, ranked: Sequence[dict[str, Scalar]], rng: np.random.Generator) -> dict[str, Scalar]:
        """Each parameter from either parent that has it, perhaps mutated; one that neither has is drawn anew."""
        mother, father = (ranked[tournament(len(ranked), self._settings.tournament, rng)] for _ in range(2))

        def gene(axis: Axis) -> Scalar:
            first, second = (mother, father) if rng.random() < 0.5 else (father, mother)
            value = first.get(axis.name, second.get(axis.name))
            if value is None:
                return axis.value(float(rng.random()))
            if rng.random() >= 1 / len(self._space.axes):
                return value
            if axis.choices is not None:
                return switched(axis, value, rng)
            return moved(axis, value, rng.standard_normal(), SPREAD)

        return configuration(self._space, {name: gene(axis) for name, axis in self._space.axes.items()})


def tournament(count: int, size: int, rng: np.random.Generator) -> int:
    """The best of `size` drawn from places 0 (the best) to `count` - 1."""
    return int(rng.integers(count, size=size).min())


def make(request: Request) -> GeneticSampler:
    """The sampler of one proposal."""
    return GeneticSampler(request)
