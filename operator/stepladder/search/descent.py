"""CMA-ES, generation by generation, as a function of what was proposed and what came of it.

What a generation leads to is remembered while memory is at hand: it follows from the arguments, so nothing hangs on
that but time.
"""

import copy
from dataclasses import dataclass
from functools import lru_cache
from math import floor, log

import numpy as np
from cmaes import CatCMAwM

from stepladder.api.model import Scalar
from stepladder.api.study import Parameter
from stepladder.search.mixed import MixedSpace
from stepladder.search.seeds import derive
from stepladder.search.space import Space

CONVERGED = 1e-4
"""A generation that spreads over less than this part of every range ends the descent. Another begins elsewhere, with
twice the population (Auger & Hansen 2005)."""

Settings = tuple[tuple[str, Scalar], ...]
"""A configuration's names and values."""


@dataclass(frozen=True, eq=False)
class Descent:
    """The state between two generations. `optimizer` is for copying only."""

    space: Space
    mixed: MixedSpace
    seed: int
    number: int  # of the restart, counted from 0
    population: int
    optimizer: CatCMAwM


@lru_cache(maxsize=64)
def beginning(parameters: tuple[Parameter, ...], seed: int, start: Settings) -> Descent:
    """The first descent, around `start`; in the middle where that says nothing."""
    space = Space(parameters)
    mixed = MixedSpace(tuple(space.axes.values()))
    population = 4 + floor(3 * log(max(mixed.dimensions, 1)))
    return Descent(space, mixed, seed, 0, population, mixed.optimizer(dict(start), derive(seed, 0), population))


@lru_cache(maxsize=2048)
def after(descent: Descent, generation: tuple[Settings, ...], places: tuple[float, ...] | None) -> Descent:
    """The state after one more generation: what ran, and how its members compare, if that may be told yet."""
    optimizer = copy.deepcopy(descent.optimizer)
    asked = [optimizer.ask() for _ in generation]
    mixed = descent.mixed
    if places is not None:
        ran = [mixed.ran(solution, dict(member)) for solution, member in zip(asked, generation, strict=True)]
        optimizer.tell(list(zip(ran, places, strict=True)))
        if mixed.numeric and (
            optimizer.should_stop() or np.ptp(np.stack([mixed.coordinates(s) for s in ran]), axis=0).max() < CONVERGED
        ):
            return _restarted(descent)
    return Descent(descent.space, mixed, descent.seed, descent.number, descent.population, optimizer)


def _restarted(descent: Descent) -> Descent:
    """The next descent, around a random point."""
    number, population = descent.number + 1, 2 * descent.population
    rng = np.random.default_rng(derive(descent.seed, "start", number))
    start = {name: axis.value(float(rng.random())) for name, axis in descent.space.axes.items()}
    optimizer = descent.mixed.optimizer(start, derive(descent.seed, number), population)
    return Descent(descent.space, descent.mixed, descent.seed, number, population, optimizer)
