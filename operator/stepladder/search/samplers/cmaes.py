"""CMA-ES (Hansen 2016, 1604.00772) with margins for whole numbers and choices (CatCMAwM, Hamano et al., 2504.07884).

The library's optimizer keeps a state; ours may not, since the storage can be rebuilt from the Trials at any time. So
the search is replayed for each proposal: proposals in the order of their numbers make up generations, each is asked for
again and told. What ran in place of a solution is told as what it was.
"""

import copy
from collections.abc import Mapping, Sequence
from math import inf

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.search.descent import Descent, Settings, after, beginning
from stepladder.search.evidence import Standing, earlier, maximizes, standings
from stepladder.search.moves import configuration
from stepladder.search.novelty import first_new
from stepladder.search.samplers import Request
from stepladder.search.startup import LearningSampler


class CMAESSampler(LearningSampler):
    """The next solution of a replayed CMA-ES, after `startupTrials` quasi-random ones if any are asked for.

    Inactive parameters keep the coordinates that they were drawn with.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._seed = request.seed
        self._startup = request.settings.startup_trials or 0

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Scalar]:
        """The solution, or nothing at the start."""
        before = earlier(study, trial)
        if len(before) < self._startup:
            return {}
        known = standings(before, maximize=maximizes(study))
        descent = beginning(self._space.parameters, self._seed, _best(before[: self._startup], known))
        if not descent.mixed.dimensions:
            return {}
        descent, unfinished = replayed(descent, before[self._startup :], known)
        optimizer = copy.deepcopy(descent.optimizer)
        for _ in range(unfinished):
            optimizer.ask()

        def draw(_: np.random.Generator) -> dict[str, Scalar]:
            return configuration(self._space, descent.mixed.values(optimizer.ask()))

        return first_new(draw, before, 0) or {}


def replayed(descent: Descent, trials: Sequence[FrozenTrial], known: Mapping[int, Standing]) -> tuple[Descent, int]:
    """Where the search stands after `trials`, and how many of them belong to the generation that is being asked for.

    A generation is told once at least half of it is known. Told earlier it would be a step in no direction.
    """
    first = 0
    while first + descent.population <= len(trials):
        generation = trials[first : first + descent.population]
        enough = sum(trial.number in known for trial in generation) >= len(generation) / 2
        ran = tuple(tuple(trial.params.items()) for trial in generation)
        first += len(generation)
        descent = after(descent, ran, ranks(generation, known) if enough else None)
    return descent, len(trials) - first


def ranks(generation: Sequence[FrozenTrial], known: Mapping[int, Standing]) -> tuple[float, ...]:
    """The places of a generation's members, 0 the best, which is all that CMA-ES goes by.

    The last are those that are infeasible, failed, or not yet known; ties go to the lower number.
    """
    worst = (1, inf)
    order = sorted(generation, key=lambda t: (known[t.number].rank if t.number in known else worst, t.number))
    places = {trial.number: float(place) for place, trial in enumerate(order)}
    return tuple(places[trial.number] for trial in generation)


def _best(trials: Sequence[FrozenTrial], known: Mapping[int, Standing]) -> Settings:
    feasible = [trial for trial in trials if trial.number in known and known[trial.number].feasible]
    return tuple(min(feasible, key=lambda trial: known[trial.number].rank).params.items()) if feasible else ()


def make(request: Request) -> CMAESSampler:
    """The sampler of one proposal."""
    return CMAESSampler(request)
