"""The base of samplers that draw each parameter by itself."""

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar


class IndependentSampler(BaseSampler):
    """Nothing is sampled relatively: Optuna asks `sample_independent` for every parameter."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """No parameter."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Scalar]:
        """No value."""
        return {}
