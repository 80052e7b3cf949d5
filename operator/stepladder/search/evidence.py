"""What the trials before a proposal have shown, in numbers that may be compared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtri
from scipy.stats import rankdata

from stepladder.search.axis import Floats
from stepladder.search.encoding import Encoding

STARTUP = 10
"""Trials with a result, good or infeasible, before a model is trusted, where the sampler's settings say nothing."""
ENOUGH = 10
"""Trials that have to have reached a step for objectives to be compared there."""


@dataclass(frozen=True)
class Evidence:
    """What the trials before this one have shown, as points in uniform coordinates (rows)."""

    points: Floats
    values: Floats  # to be minimised
    infeasible: Floats
    pending: Floats
    ordinal: bool = False  # values say no more than who is ahead of whom


@dataclass(frozen=True)
class Standing:
    """What one trial has come to."""

    step: int
    value: float  # to be minimised; infinite where infeasible

    @property
    def feasible(self) -> bool:
        """Whether it could be trained."""
        return self.value < math.inf

    @property
    def rank(self) -> tuple[int, float]:
        """Lower is better: who was let go further has beaten those who were not, whatever their values there."""
        return -self.step, self.value


INFEASIBLE = Standing(-1, math.inf)


def earlier(study: Study, trial: FrozenTrial) -> list[FrozenTrial]:
    """The trials before `trial`, by number. Later ones may be there too, asked for ahead of need."""
    return [t for t in study.get_trials(deepcopy=False) if t.number < trial.number]


def maximizes(study: Study) -> bool:
    """Whether more is better."""
    return study.direction is StudyDirection.MAXIMIZE


def standings(trials: Sequence[FrozenTrial], *, maximize: bool) -> dict[int, Standing]:
    """What each trial has come to, by number; those are absent of whom nothing is known yet.

    Objectives are compared at one step where possible, the highest that `ENOUGH` trials have reached: a trial counts
    with its last value up to there. One that ended before stands with its last value, one still on its way is not yet
    known. Nor is a failed one, for ever: it says nothing.
    """
    sign = -1.0 if maximize else 1.0
    curves = {trial.number: curve for trial in trials if (curve := _curve(trial))}
    reached = sorted((max(curve) for curve in curves.values()), reverse=True)
    level = reached[min(ENOUGH, len(reached)) - 1] if reached else 0
    known: dict[int, Standing] = {}
    for trial in trials:
        curve = curves.get(trial.number, {})
        if trial.constraints:
            known[trial.number] = INFEASIBLE
        elif curve and (trial.state.is_finished() or max(curve) >= level):
            step = max((s for s in curve if s <= level), default=min(curve))
            known[trial.number] = Standing(step, sign * curve[step])
    return known


def gather(trials: Sequence[FrozenTrial], encoding: Encoding, *, maximize: bool, rungs: Sequence[int] = ()) -> Evidence:
    """Sort trials by what they teach.

    Where all are trained to one end, values are as `standings` has them. Where they climb `rungs`, objectives at
    different heights do not compare, and a low one says little of how much better a trial is than another: then only
    the order counts, as `climbed` has it, and values are the normal scores of it (Blom 1958).

    A failed trial is pending for ever: it says nothing, but there is no use in proposing it again.
    """
    ordinal = len(rungs) > 1
    known = climbed(trials, rungs, maximize=maximize) if ordinal else standings(trials, maximize=maximize)
    told = [trial for trial in trials if trial.params]
    points = encoding.uniforms([trial.params for trial in told])
    found = [known.get(trial.number) for trial in told]
    feasible = [standing for standing in found if standing is not None and standing.feasible]
    return Evidence(
        points=points[[standing is not None and standing.feasible for standing in found]],
        values=_scores(feasible) if ordinal else np.array([standing.value for standing in feasible]),
        infeasible=points[[standing is not None and not standing.feasible for standing in found]],
        pending=points[[standing is None for standing in found]],
        ordinal=ordinal,
    )


def climbed(trials: Sequence[FrozenTrial], rungs: Sequence[int], *, maximize: bool) -> dict[int, Standing]:
    """How far each trial has climbed, by number, and its value there; one below the lowest rung is not yet known."""
    sign = -1.0 if maximize else 1.0
    known: dict[int, Standing] = {}
    for trial in trials:
        curve = _curve(trial)
        height = max((rung for rung in rungs if curve and rung <= max(curve)), default=None)
        if trial.constraints:
            known[trial.number] = INFEASIBLE
        elif height is not None:
            step = max((s for s in curve if s <= height), default=min(curve))
            known[trial.number] = Standing(height, sign * curve[step])
    return known


def _scores(found: Sequence[Standing]) -> Floats:
    """Normal scores of the ranks, best lowest, ties by their mean rank."""
    places = {standing.rank: place for place, standing in enumerate(sorted(set(found), key=lambda s: s.rank))}
    ranks = rankdata([places[standing.rank] for standing in found])
    return np.asarray(ndtri((ranks - 0.375) / (len(found) + 0.25)))


def tame(values: Floats) -> Floats:
    """Bad values cut off, so that one of 1e10 does not flatten the difference between the good ones.

    What is worse than the median by more than three times the distance from the best to the median is all the same.
    """
    best, median = float(values.min()), float(np.median(values))
    return np.minimum(values, median + 3 * (median - best)) if median > best else values


def representative(values: Floats, count: int) -> NDArray[np.int64]:
    """Indices of at most `count` values: the better half of them the best, the others spread evenly over the rest."""
    order = np.argsort(values, kind="stable")
    if len(order) <= count:
        return np.sort(order)
    half = count // 2
    spread = order[half:][np.linspace(0, len(order) - half - 1, count - half).astype(np.int64)]
    return np.sort(np.append(order[:half], spread))


def _curve(trial: FrozenTrial) -> dict[int, float]:
    """The finite observations of a trial that may be compared, by step."""
    if trial.constraints or trial.state is TrialState.FAIL:
        return {}
    curve = trial.intermediate_values or ({0: trial.value} if trial.value is not None else {})
    return {step: value for step, value in curve.items() if np.isfinite(value)}
