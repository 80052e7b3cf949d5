"""Tree-structured Parzen estimator (Bergstra et al. 2011), multivariate and with a constant liar: Optuna's."""

import copy
import warnings
from collections.abc import Container
from functools import cached_property
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from stepladder.api.model import Scalar
from stepladder.api.ranges import Scale
from stepladder.search.axis import Axis, Floats
from stepladder.search.evidence import STARTUP, earlier, maximizes
from stepladder.search.novelty import first_new
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler
from stepladder.search.seeds import derive

MODELLED = 250
"""Trials that the densities are estimated from at most: what a proposal costs is proportional to them."""
_GOOD = 25
"""The most that TPE takes for good, however many there are (Optuna's gamma; Bergstra et al. have a tenth)."""
_DRAWS = 4
"""Proposals that were had before are drawn again so often; then any that was not will do."""
_QUANTILE = FloatDistribution(0.0, 1.0)


class QuasiRandomStartTPE(TPESampler):
    """Optuna's TPE that starts quasi-randomly, and sees the same whether trials were asked for or rebuilt.

    It learns from trials that are paused at a rung as from those that ended there, and models the scales that Optuna
    has no distribution for by their quantiles.
    """

    def __init__(self, request: Request) -> None:
        space = request.space
        startup = request.settings.startup_trials or STARTUP
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # `group`: the way to be multivariate on conditionals
            super().__init__(
                n_startup_trials=startup, seed=derive(request.seed, request.index), group=space.conditional
            )
        self._space = space
        self._random_seed = derive(request.seed, request.index)
        self._start = QuasiRandomSampler(space, request.seed)
        self._curved = {name: axis for name, axis in space.axes.items() if _curved(axis)}
        self._view: StudyView | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that trials have had, by groups that come together where the space is conditional."""
        if self._space.conditional:
            return super().infer_relative_search_space(self._seen(study, trial), trial)
        # What Optuna would find by looking at every trial.
        axes = sorted(self._space.axes.items())
        return {name: axis.distribution for name, axis in axes if not axis.distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Scalar]:
        """The proposal, or nothing while the trials with a result are too few."""
        before = earlier(study, trial)
        proposal: dict[str, Scalar] = {}
        for _ in range(_DRAWS):
            proposal = super().sample_relative(self._seen(study, trial), trial, search_space)
            drawn = self._space.recorded(proposal)
            if not drawn or all(other.params != drawn for other in before):
                return proposal
        return first_new(self._anywhere, before, self._random_seed) or proposal

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """Startup, and the first values of a conditional parameter that no finished trial has had."""
        return self._start.sample_independent(study, trial, param_name, param_distribution)

    def _anywhere(self, rng: np.random.Generator) -> dict[str, Scalar]:
        return self._space.recorded(self._space.resolve(lambda axis: axis.value(float(rng.random()))))

    def _seen(self, study: Study, trial: FrozenTrial) -> Any:
        self._view = self._view or StudyView(study, trial)
        return self._view

    def _get_params(self, trial: FrozenTrial, study: Study) -> dict[str, Any]:
        # Optuna would add the inactive parameters that it drew for a running trial, from an attribute which a rebuilt
        # trial does not have: the next proposal would depend on whether the storage has been lost.
        return trial.params

    def _sample(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Scalar]:
        modelled = {name: _QUANTILE if name in self._curved else d for name, d in search_space.items()}
        drawn: dict[str, Scalar] = super()._sample(study, trial, modelled)
        return {n: self._curved[n].value(float(v)) if n in self._curved else v for n, v in drawn.items()}

    def _get_internal_repr(
        self, trials: list[FrozenTrial], search_space: dict[str, BaseDistribution], study: Study
    ) -> dict[str, Floats]:
        numbers: dict[str, Floats] = super()._get_internal_repr(trials, search_space, study)
        for name in search_space.keys() & self._curved.keys():
            numbers[name] = np.array([self._curved[name].uniform(float(number)) for number in numbers[name]])
        return numbers


class StudyView:
    """What TPE is to see of a study: the trials before one, and those on their way that have shown something as pruned.

    To Optuna a paused trial is running, and TPE takes what runs for bad (the constant liar): under a pruner that
    pauses nearly all, it would learn nothing. As pruned ones they are ranked by the step that they have reached, then
    by value.
    """

    def __init__(self, study: Study, trial: FrozenTrial) -> None:
        self._study = study
        self._trial = trial

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    @cached_property
    def _trials(self) -> list[FrozenTrial]:
        seen = [_as_pruned(trial) for trial in earlier(self._study, self._trial)]
        return thinned(seen, MODELLED, maximize=maximizes(self._study))

    def _get_trials(
        self, *, deepcopy: bool, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return [trial for trial in self._trials if states is None or trial.state in states]


def thinned(trials: list[FrozenTrial], count: int, *, maximize: bool) -> list[FrozenTrial]:
    """At most `count` of those that have ended, in their order: all that TPE takes for good, and of the others, which
    it takes for bad, ones of every rank. Those that run all stay."""

    def rank(trial: FrozenTrial) -> tuple[int, int, float]:
        """Lower is better, as TPE has it."""
        sign = -1.0 if maximize else 1.0
        if trial.constraints:
            return 2, 0, 0.0
        if trial.state is TrialState.COMPLETE:
            return 0, 0, sign * float(trial.value or 0.0)
        step, value = max(trial.intermediate_values.items(), default=(-1, 0.0))
        return 1, -step, sign * value

    ended = sorted((t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)), key=rank)
    if len(ended) <= count:
        return trials
    kept = [*range(_GOOD), *np.linspace(_GOOD, len(ended) - 1, count - _GOOD).astype(int)]
    numbers = {ended[place].number for place in kept}
    return [t for t in trials if t.number in numbers or t.state is TrialState.RUNNING]


def _as_pruned(trial: FrozenTrial) -> FrozenTrial:
    if trial.state is not TrialState.RUNNING or not trial.intermediate_values:
        return trial
    seen = copy.copy(trial)
    seen.state = TrialState.PRUNED
    return seen


def _curved(axis: Axis) -> bool:
    """Whether the axis is not what its Optuna distribution is: a bell curve, or a logarithm of 1 - x."""
    p = axis.parameter
    one_minus = p.float_ is not None and p.float_.step is None and p.float_.scale is Scale.LOG_ONE_MINUS
    return one_minus or p.normal is not None or p.log_normal is not None


def make(request: Request) -> QuasiRandomStartTPE:
    """The sampler of one proposal."""
    return QuasiRandomStartTPE(request)
