"""Configurations that somebody has named, as proposals."""

from collections.abc import Mapping

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.search.independent import IndependentSampler
from stepladder.search.space import Space


class ListedSampler(IndependentSampler):
    """Trial i gets the i-th of `configurations`. Values that are missing there or lie outside the space, and trials
    beyond the last, are left to `otherwise`, which draws each parameter by itself."""

    def __init__(self, space: Space, configurations: tuple[Mapping[str, Scalar], ...], otherwise: BaseSampler) -> None:
        self._space = space
        self._configurations = configurations
        self._otherwise = otherwise

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """The listed value."""
        if trial.number < len(self._configurations):
            value = self._configurations[trial.number].get(param_name)
            listed = None if value is None else self._space.axes[param_name].recorded(value)
            if listed is not None:
                return listed
        chosen: Scalar = self._otherwise.sample_independent(study, trial, param_name, param_distribution)
        return chosen
