"""Independent uniform draws (on a log scale where the parameter has one)."""

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.search.independent import IndependentSampler
from stepladder.search.samplers import Request
from stepladder.search.seeds import derive
from stepladder.search.space import Space


class RandomSampler(IndependentSampler):
    """Unlike Optuna's, each value has a seed of its own, so that it does not hang on which were drawn before it."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """A uniform draw."""
        draw = np.random.default_rng(derive(self._seed, trial.number, param_name)).random()
        return self._space.axes[param_name].value(draw)


def make(request: Request) -> RandomSampler:
    """The sampler of one proposal; `index` is read from the trial."""
    return RandomSampler(request.space, request.seed)
