"""Tree-structured Parzen estimator (Bergstra et al. 2011), multivariate and with a constant liar: Optuna's."""

import warnings
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler
from stepladder.search.seeds import derive
from stepladder.search.space import Space

STARTUP = 10
"""Trials with a result before the estimator is trusted; Optuna's default."""


class QuasiRandomStartTPE(TPESampler):
    """Optuna's TPE that starts quasi-randomly, and sees the same whether trials were asked for or rebuilt."""

    def __init__(self, space: Space, seed: int, index: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # `group`: the way to be multivariate on conditionals
            super().__init__(n_startup_trials=STARTUP, seed=derive(seed, index), group=space.conditional)
        self._start = QuasiRandomSampler(space, seed)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """Startup, and the first values of a conditional parameter that no finished trial has had."""
        return self._start.sample_independent(study, trial, param_name, param_distribution)

    def _get_params(self, trial: FrozenTrial, study: Study) -> dict[str, Any]:
        # Optuna would add the inactive parameters that it drew for a running trial, from an attribute which a rebuilt
        # trial does not have: the next proposal would depend on whether the storage has been lost.
        return trial.params


def make(request: Request) -> QuasiRandomStartTPE:
    """The sampler of one proposal."""
    return QuasiRandomStartTPE(request.space, request.seed, request.index)
