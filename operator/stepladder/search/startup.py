"""What samplers that learn share: all tuned parameters are proposed at once, or left to a quasi-random start."""

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler


class LearningSampler(BaseSampler):
    """What `sample_relative` leaves open is quasi-random: everything, while it has learnt nothing."""

    def __init__(self, request: Request) -> None:
        self._space = request.space
        self._start = QuasiRandomSampler(request.space, request.seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All tuned parameters."""
        return {name: axis.distribution for name, axis in self._space.axes.items()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """The quasi-random value."""
        return self._start.sample_independent(study, trial, param_name, param_distribution)
