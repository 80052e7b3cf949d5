"""Optuna's HyperbandPruner, which stops trials and never resumes one, with its random and its TPE sampler.

Everything is at its defaults. A proposal is trained as the nearest configuration of the table, and the sampler is told
that one. A trial that diverges is told as pruned, which is more than Optuna's documentation asks for: as a failed one
the sampler would not see it.
"""

from typing import Any, cast

import optuna
from optuna.pruners import HyperbandPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from bench.search.problems import Problem
from bench.search.race import Decision, Take
from stepladder.search.space import Space


class OptunaTuner:
    """`study.ask`, `trial.report`, `trial.should_prune`, `study.tell`, as `study.optimize` calls them."""

    def __init__(self, space: Space, evaluations: int, sampler: BaseSampler) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruner = HyperbandPruner(min_resource=1, max_resource=evaluations, reduction_factor=3)
        self._study = optuna.create_study(sampler=sampler, pruner=pruner, study_name="bench")
        self._space = space
        self._evaluations = evaluations
        self._trials: dict[int, Trial] = {}

    def start(self, take: Take) -> int | None:
        """The sampler's next proposal."""
        trial = self._study.ask()
        configuration = take(trial.number, self._space.suggest(trial))
        if configuration is None:
            return None
        self._trials[trial.number] = trial
        storage = self._study._storage  # noqa: SLF001  there is no public way to correct a running trial
        for name, axis in self._space.axes.items():
            if name in configuration:
                internal = axis.distribution.to_internal_repr(cast("Any", configuration[name]))
                storage.set_trial_param(trial._trial_id, name, internal, axis.distribution)  # noqa: SLF001  likewise
        frozen = storage._get_trial(trial._trial_id)  # type: ignore[attr-defined]  # noqa: SLF001  of the in-memory one
        for name in frozen.params.keys() - configuration.keys():
            del frozen.params[name], frozen.distributions[name]
        return trial.number

    def report(self, trial: int, evaluation: int, value: float) -> Decision:
        """Complete after the last evaluation, pruned where the pruner says so."""
        handle = self._trials[trial]
        handle.report(value, evaluation)
        if evaluation == self._evaluations:
            self._study.tell(handle, value)
            return Decision.STOP
        if handle.should_prune():
            self._study.tell(handle, state=TrialState.PRUNED)
            return Decision.STOP
        return Decision.CONTINUE

    def diverged(self, trial: int) -> None:
        """Pruned."""
        self._study.tell(self._trials[trial], state=TrialState.PRUNED)


def hyperband_random(problem: Problem, seed: int) -> OptunaTuner:
    """RandomSampler."""
    return OptunaTuner(problem.space, len(problem.steps), RandomSampler(seed=seed))


def hyperband_tpe(problem: Problem, seed: int) -> OptunaTuner:
    """TPESampler."""
    return OptunaTuner(problem.space, len(problem.steps), TPESampler(seed=seed))
