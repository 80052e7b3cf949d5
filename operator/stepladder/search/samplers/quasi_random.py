"""Quasi-random search by a scrambled Halton sequence, as the Tuning Playbook has it (Bousquet et al., 1706.03200)."""

from functools import lru_cache

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial
from scipy.stats import qmc

from stepladder.api.model import Scalar
from stepladder.search.independent import IndependentSampler
from stepladder.search.samplers import Request
from stepladder.search.space import Space


class QuasiRandomSampler(IndependentSampler):
    """Trial i gets point i of the sequence, whatever has happened before.

    Every parameter has a dimension of its own, conditional ones too: the points where such a one is active spread as
    evenly as any subset of the sequence cut out by a few other coordinates.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed
        # The first dimensions have the smallest bases and are the most even after few points. Few values show
        # unevenness most, so categoricals come first.
        order = sorted(space.axes.values(), key=lambda axis: axis.choices is None)
        self._dimensions = {axis.name: i for i, axis in enumerate(order)}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """The parameter's coordinate of the trial's point."""
        point = halton(len(self._dimensions), self._seed, trial.number)
        return self._space.axes[param_name].value(point[self._dimensions[param_name]])


@lru_cache(maxsize=16)
def halton(dimensions: int, seed: int, index: int) -> tuple[float, ...]:
    """Point `index` of the scrambled Halton sequence, in [0, 1)."""
    sequence = qmc.Halton(dimensions, scramble=True, rng=seed)
    sequence.fast_forward(index)
    return tuple(float(u) for u in sequence.random()[0])


def make(request: Request) -> QuasiRandomSampler:
    """The sampler of one proposal; `index` is read from the trial."""
    return QuasiRandomSampler(request.space, request.seed)
