"""CMA-ES (Hansen 2016, 1604.00772) with margins for whole numbers and choices (CatCMAwM, Hamano et al., 2504.07884).

The library's optimizer keeps a state; ours may not, since the storage can be rebuilt from the Trials at any time. So
the search is replayed for each proposal: proposals in the order of their numbers make up generations, each is asked for
again and told. What ran in place of a solution is told as what it was.
"""

from collections.abc import Mapping, Sequence
from math import floor, inf, log

import numpy as np
from cmaes import CatCMAwM
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.search.evidence import Standing, earlier, maximizes, standings
from stepladder.search.mixed import MixedSpace
from stepladder.search.novelty import first_new
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler
from stepladder.search.seeds import derive

CONVERGED = 1e-6
"""A generation that spreads over less than this part of every range ends the search. Another begins elsewhere, with
twice the population (Auger & Hansen 2005)."""


class CMAESSampler(BaseSampler):
    """The next solution of a replayed CMA-ES, after `startupTrials` quasi-random ones if any are asked for.

    Inactive parameters keep the coordinates that they were drawn with.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._space = request.space
        self._mixed = MixedSpace(tuple(request.space.axes.values()))
        self._start = QuasiRandomSampler(request.space, request.seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All tuned parameters."""
        return {name: axis.distribution for name, axis in self._space.axes.items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Scalar]:
        """The solution, or nothing at the start."""
        startup = self._request.settings.startup_trials or 0
        if trial.number < startup or not self._mixed.dimensions:
            return {}
        before = earlier(study, trial)
        optimizer = self._replayed(before, standings(before, maximize=maximizes(study)), startup)

        def draw(rng: np.random.Generator) -> dict[str, Scalar]:
            return self._configuration(optimizer.ask())

        return first_new(draw, before, 0) or {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """Startup, and where CMA-ES has no new configuration to offer."""
        return self._start.sample_independent(study, trial, param_name, param_distribution)

    def _replayed(self, before: Sequence[FrozenTrial], known: Mapping[int, Standing], startup: int) -> CatCMAwM:
        """The optimizer as it is after the trials before this one have been asked for."""
        first, population, number = startup, 4 + floor(3 * log(self._mixed.dimensions)), 0
        optimizer = self._optimizer(self._best(before[:startup], known), number, population)
        while first < len(before):
            generation = before[first : first + population]
            asked = [optimizer.ask() for _ in generation]
            first += len(generation)
            # Most of it has to be known: a generation of which nothing is would be a step in no direction.
            if len(generation) < population or sum(t.number in known for t in generation) < population / 2:
                continue
            ran = [self._mixed.ran(a, t.params) for a, t in zip(asked, generation, strict=True)]
            optimizer.tell(list(zip(ran, ranks(generation, known), strict=True)))
            if self._converged(ran) or (self._mixed.numeric and optimizer.should_stop()):
                number, population = number + 1, 2 * population
                optimizer = self._optimizer({}, number, population)
        return optimizer

    def _optimizer(self, start: Mapping[str, Scalar], number: int, population: int) -> CatCMAwM:
        """The optimizer of search `number`, counted from 0. The first begins at `start`, later ones anywhere."""
        seed = derive(self._request.seed, "descent", number)
        if number:
            rng = np.random.default_rng(seed)
            start = {name: axis.value(float(rng.random())) for name, axis in self._space.axes.items()}
        return self._mixed.optimizer(start, seed, population)

    def _best(self, trials: Sequence[FrozenTrial], known: Mapping[int, Standing]) -> Mapping[str, Scalar]:
        """The best of the startup."""
        feasible = [t for t in trials if t.number in known and known[t.number].feasible]
        return min(feasible, key=lambda t: known[t.number].rank).params if feasible else {}

    def _converged(self, generation: Sequence[CatCMAwM.Solution]) -> bool:
        if not self._mixed.numeric:
            return False
        coordinates = np.stack([self._mixed.coordinates(solution) for solution in generation])
        return float(np.ptp(coordinates, axis=0).max()) < CONVERGED

    def _configuration(self, solution: CatCMAwM.Solution) -> dict[str, Scalar]:
        values = self._mixed.values(solution)
        only = {name: axis.value(0.5) for name, axis in self._space.axes.items() if name not in values}
        chosen = self._space.resolve(lambda axis: {**only, **values}[axis.name])
        return {name: value for name, value in chosen.items() if name in self._space.axes}


def ranks(generation: Sequence[FrozenTrial], known: Mapping[int, Standing]) -> list[float]:
    """The places of a generation's members, 0 the best, which is all that CMA-ES goes by.

    The last are those that are infeasible, failed, or not yet known; ties go to the lower number.
    """
    worst = (1, inf)
    order = sorted(generation, key=lambda t: (known[t.number].rank if t.number in known else worst, t.number))
    places = {trial.number: float(place) for place, trial in enumerate(order)}
    return [places[trial.number] for trial in generation]


def make(request: Request) -> CMAESSampler:
    """The sampler of one proposal."""
    return CMAESSampler(request)
