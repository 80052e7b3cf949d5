"""Grid search: every combination of values, once."""

from collections.abc import Iterator
from functools import lru_cache
from math import gcd

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.api.samplers import GridSettings
from stepladder.engine.grid import Cells, places
from stepladder.search.independent import IndependentSampler
from stepladder.search.places import values_on
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler
from stepladder.search.seeds import derive
from stepladder.search.space import Space

_GOLDEN = (5**0.5 - 1) / 2
_WINDOW = 64


class GridSampler(IndependentSampler):
    """Trial i gets the i-th cell in the order of `scattered`, whatever has happened before; one beyond the last cell,
    which validation does not let a round ask for, gets a quasi-random point.

    Optuna's draws a free cell at random: asked in parallel it may draw one twice, and after the last it raises.
    """

    def __init__(self, space: Space, seed: int, points: int) -> None:
        counts = {name: places(axis.parameter, points) for name, axis in space.axes.items()}
        values = {name: values_on(axis, counts[name]) for name, axis in space.axes.items()}
        self._cells = Cells(space.parameters, values)
        self._seed = seed
        self._beyond = QuasiRandomSampler(space, seed)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """The parameter's value in the trial's cell."""
        if trial.number >= self._cells.size:
            return self._beyond.sample_independent(study, trial, param_name, param_distribution)
        return self._cells[scattered(trial.number, self._cells.size, self._seed)][param_name]


def scattered(index: int, size: int, seed: int) -> int:
    """The cell that comes `index`-th: a permutation of [0, size).

    From a start that the seed decides, in strides of about the golden section of the grid, as a Kronecker sequence
    takes them. A grid that is cut short (by a budget, a target, too few trials) has then tried the whole range of its
    first parameter evenly, and, since the stride shares no factor with the size, each value of its last ones in turn.
    Row by row it would have tried one end of the first only; in random order it would be a random search, with the
    gaps of one.
    """
    return (derive(seed, "grid") + index * _stride(size)) % size


@lru_cache(maxsize=64)
def _stride(size: int) -> int:
    """Of the strides near the golden section the one whose multiples spread best: the one that is farthest from every
    simple fraction of `size`, which is to say that its continued fraction has the smallest terms."""
    golden = round(size * _GOLDEN)
    near = (stride for stride in range(max(1, golden - _WINDOW), min(size, golden + _WINDOW)) if gcd(stride, size) == 1)
    return min(near, key=lambda stride: (max(_terms(stride, size)), abs(stride - golden)), default=1)


def _terms(numerator: int, denominator: int) -> Iterator[int]:
    """The terms of a continued fraction, by Euclid's algorithm."""
    while numerator:
        yield denominator // numerator
        numerator, denominator = denominator % numerator, numerator


def make(request: Request) -> GridSampler:
    """The sampler of one proposal; `index` is read from the trial."""
    settings = request.settings.grid or GridSettings()
    return GridSampler(request.space, request.seed, settings.points)
