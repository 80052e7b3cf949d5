"""How much the objective hangs on each parameter: one is varied at a time, the others stay at a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, variance
from typing import Final

from stepladder.api.model import Scalar
from stepladder.api.samplers import OneAtATimeSettings
from stepladder.api.study import Parameter, Round, TuningStudySpec
from stepladder.api.trial import Outcome
from stepladder.engine.grid import few
from stepladder.engine.observed import TrialView, rank_key
from stepladder.engine.space import holds, parents_first, same, setting_parameters

NEGLIGIBLE: Final = 0.1
"""Of the largest effect of all parameters: where nothing tells the noise, a smaller one than this share counts as none.
Ours; a screening by elementary effects (Morris 1991) has no such number either, people read it off a plot."""
STANDARD_ERRORS: Final = 2.0


@dataclass(frozen=True)
class Sensitivity:
    """What one parameter does to the objective around the baseline."""

    parameter: str
    effect: float  # the largest objective over its values less the smallest
    values: tuple[tuple[Scalar, float], ...]  # tried, and the objective there; the baseline's first
    best: Scalar  # the value with the best objective
    infeasible: tuple[Scalar, ...]  # values that diverged: no effect is as large as that
    insensitive: bool  # the effect may be noise, or is small beside the largest


def design_size(parameters: Sequence[Parameter], settings: OneAtATimeSettings) -> int:
    """How many configurations it takes: the baseline, and for each parameter that exists in it its other values."""
    given = {entry.name: entry.value for entry in settings.baseline}
    chosen: dict[str, Scalar] = {}
    size = 1
    for parameter in parents_first(parameters):
        if not holds(parameter.when, chosen):
            continue
        first = parameter.categorical.values[0] if parameter.categorical else 0
        fixed = parameter.value
        chosen[parameter.name] = given.get(parameter.name, first) if fixed is None else fixed
        if fixed is None:
            size += few(parameter, settings.points) - 1
    return size


def sensitivities(
    spec: TuningStudySpec, round_: Round, trials: Sequence[TrialView], setting: int = 0, settings: int = 1
) -> tuple[Sensitivity, ...]:
    """Of each parameter that a round with OneAtATime has varied within one scientific setting (of so many), the most
    influential first. Empty without a result for the baseline.

    A configuration counts with the mean over its repeats, at the last step that it and the baseline have in common.
    With repeats, an effect is noise up to two standard errors of a difference between two such means; without, up to
    `NEGLIGIBLE` of the largest.
    """
    names = [p.name for p in parents_first(setting_parameters(spec, round_, setting)) if p.value is None]
    runs: dict[int, list[TrialView]] = {}
    for trial in trials:
        if trial.round == round_.name and trial.configuration % settings == setting:
            runs.setdefault(trial.configuration // settings, []).append(trial)
    baseline = runs.pop(0, [])
    if not any(_last(trial) is not None for trial in baseline):
        return ()
    varied: dict[str, list[list[TrialView]]] = {}
    for _, of_configuration in sorted(runs.items()):
        if name := _difference(names, baseline[0].parameters, of_configuration[0].parameters):
            varied.setdefault(name, []).append(of_configuration)
    found = [_sensitivity(spec, name, baseline, others) for name, others in varied.items()]
    noise = _standard_error([baseline, *runs.values()])
    largest = max((one.effect for one in found), default=0.0)
    limit = NEGLIGIBLE * largest if noise is None else STANDARD_ERRORS * noise
    judged = [_judged(one, limit) for one in found]
    return tuple(sorted(judged, key=lambda one: (not one.infeasible, -one.effect, one.parameter)))


def _sensitivity(
    spec: TuningStudySpec, name: str, baseline: Sequence[TrialView], others: Sequence[Sequence[TrialView]]
) -> Sensitivity:
    at = baseline[0].parameters[name]
    values: list[tuple[Scalar, float]] = []
    infeasible: list[Scalar] = []
    step = min((s for runs in others if (s := _common(baseline, runs)) is not None), default=None)
    for runs in others:
        value = runs[0].parameters[name]
        if any(trial.outcome is Outcome.INFEASIBLE for trial in runs):
            infeasible.append(value)
        elif step is not None and (mean := _mean(runs, step)) is not None:
            values.append((value, mean))
    own = _mean(baseline, step) if step is not None else None
    if own is not None:
        values.insert(0, (at, own))
    objectives = [objective for _, objective in values]
    effect = max(objectives) - min(objectives) if objectives else 0.0
    best = min(values, key=lambda v: rank_key(spec.objective.direction, v[1]))[0] if values else at
    return Sensitivity(name, effect, tuple(values), best, tuple(infeasible), insensitive=False)


def _judged(one: Sensitivity, limit: float) -> Sensitivity:
    insensitive = not one.infeasible and len(one.values) > 1 and one.effect <= limit
    return Sensitivity(one.parameter, one.effect, one.values, one.best, one.infeasible, insensitive)


def _difference(names: Sequence[str], baseline: Mapping[str, Scalar], other: Mapping[str, Scalar]) -> str | None:
    """The parameter that was varied: where its value brings others about, it comes before them in `names`."""

    def differs(name: str) -> bool:
        return name in baseline and (name not in other or not same(baseline[name], other[name]))

    return next((name for name in names if differs(name)), None)


def _last(trial: TrialView) -> int | None:
    counts = trial.outcome not in (None, Outcome.INFEASIBLE, Outcome.FAILED)
    return max(trial.results) if trial.results and counts else None


def _common(baseline: Sequence[TrialView], runs: Sequence[TrialView]) -> int | None:
    """The last step at which both have a result."""
    both = _steps(baseline) & _steps(runs)
    return max(both, default=None)


def _steps(runs: Sequence[TrialView]) -> set[int]:
    return {step for trial in runs if _last(trial) is not None for step in trial.results}


def _mean(runs: Sequence[TrialView], step: int) -> float | None:
    values = [trial.results[step] for trial in runs if _last(trial) is not None and step in trial.results]
    return fmean(values) if values else None


def _standard_error(configurations: Sequence[Sequence[TrialView]]) -> float | None:
    """Of the difference between the means of two configurations, from the pooled variance of repeats; None without."""
    variances: list[float] = []
    repeats: list[int] = []
    for runs in configurations:
        values = [trial.results[last] for trial in runs if (last := _last(trial)) is not None]
        if len(values) > 1:
            variances.append(variance(values))
            repeats.append(len(values))
    return sqrt(2 * fmean(variances) / fmean(repeats)) if variances else None
