"""Bayesian optimisation: expected improvement under a Gaussian process, times the probability of being feasible
(Gelbart et al., 1403.5607).

Our own on scikit-learn, since Optuna's GPSampler needs PyTorch in the operator's image (docs/decisions.md).
"""

from dataclasses import dataclass

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import qmc
from threadpoolctl import threadpool_limits

from stepladder.api.model import Scalar
from stepladder.search.acquisition import log_expected_improvement
from stepladder.search.axis import Floats
from stepladder.search.encoding import Encoding
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler
from stepladder.search.seeds import derive
from stepladder.search.space import Space
from stepladder.search.surrogate import FeasibilityModel, ObjectiveModel

STARTUP = 10
"""Trials with a result, good or infeasible, before the model is trusted."""
CANDIDATES = 2048
FITTED = 200
"""Trials that the model is fitted to at most: the cost of a fit grows with their cube."""
PENDING = 100
"""Running trials that are believed in at most, the newest."""
_SHRINKING = (0.1, 0.03, 0.01, 0.003, 0.001)


@dataclass(frozen=True)
class Evidence:
    """What the trials before this one have shown, as points in uniform coordinates (rows)."""

    points: Floats
    values: Floats  # to be minimised
    infeasible: Floats
    pending: Floats


class GaussianProcessSampler(BaseSampler):
    """Quasi-random until `STARTUP` trials have come back, then the point of the greatest expected improvement."""

    def __init__(self, space: Space, seed: int, index: int) -> None:
        self._space = space
        self._encoding = Encoding(space)
        self._random_seed = derive(seed, index)
        self._start = QuasiRandomSampler(space, seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All tuned parameters."""
        return {name: axis.distribution for name, axis in self._space.axes.items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Scalar]:
        """The proposal, or nothing while the trials are too few."""
        before = [t for t in study.get_trials(deepcopy=False) if t.number < trial.number]
        evidence = gather(before, self._encoding, maximize=study.direction is StudyDirection.MAXIMIZE)
        if len(evidence.values) < 2 or len(evidence.values) + len(evidence.infeasible) < STARTUP:
            return {}
        # One thread: the matrices are small, others need the cores, and how a sum is shared out changes its last bits.
        with threadpool_limits(1):
            return self._encoding.configuration(self._best(evidence))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """Startup."""
        return self._start.sample_independent(study, trial, param_name, param_distribution)

    def _best(self, evidence: Evidence) -> Floats:
        encode = self._encoding.encode
        chosen = representative(evidence.values, FITTED)
        known, values = encode(evidence.points[chosen]), tame(evidence.values[chosen])
        pending = encode(evidence.pending[-PENDING:])
        model = ObjectiveModel(known, values).believing(pending)
        # The posterior's best, since a single lucky result is noise; what running trials promise counts as had.
        best = float(model.predict(np.vstack([known, pending]))[0].min())
        feasibility = None
        if len(evidence.infeasible):
            feasibility = FeasibilityModel(known[: -FITTED // 2 : -1], encode(evidence.infeasible[-FITTED // 2 :]))

        def score(uniforms: Floats) -> Floats:
            points = encode(uniforms)
            improvement = log_expected_improvement(*model.predict(points), best)
            return improvement if feasibility is None else improvement + feasibility.log_probability(points)

        rng = np.random.default_rng(self._random_seed)
        pool = qmc.Halton(self._encoding.dimensions, rng=rng).random(CANDIDATES)
        pool = np.vstack([pool, evidence.points[np.argsort(evidence.values)[:4]]])
        scores = score(pool)
        for scale in _SHRINKING:
            top = np.argsort(-scores)[:4]
            pool, scores = pool[top], scores[top]
            near = _neighbours(pool, scale, self._encoding.categorical, rng)
            pool, scores = np.vstack([pool, near]), np.append(scores, score(near))
        return np.asarray(pool[np.argmax(scores)])


def gather(trials: list[FrozenTrial], encoding: Encoding, *, maximize: bool) -> Evidence:
    """Sort trials by what they teach.

    Objectives are compared at one step where possible, the highest that `STARTUP` trials have reached: a trial counts
    with its last value up to there. One that ended before stands with its last value, one still on its way is pending.
    A failed trial is pending for ever: it says nothing, but there is no use in proposing it again.
    """
    sign = -1.0 if maximize else 1.0
    curves = {trial.number: curve for trial in trials if (curve := _curve(trial))}
    reached = sorted((max(curve) for curve in curves.values()), reverse=True)
    level = reached[min(STARTUP, len(reached)) - 1] if reached else 0
    points, values, infeasible, pending = [], [], [], []
    for trial in trials:
        if not trial.params:
            continue
        point, curve = encoding.uniforms(trial.params), curves.get(trial.number, {})
        if trial.constraints:
            infeasible.append(point)
        elif curve and (trial.state.is_finished() or max(curve) >= level):
            points.append(point)
            values.append(sign * curve[max((s for s in curve if s <= level), default=min(curve))])
        else:
            pending.append(point)
    rows = [np.array(rows).reshape(-1, encoding.dimensions) for rows in (points, infeasible, pending)]
    return Evidence(rows[0], np.array(values), rows[1], rows[2])


def _curve(trial: FrozenTrial) -> dict[int, float]:
    """The finite observations of a trial that may be compared, by step."""
    if trial.constraints or trial.state is TrialState.FAIL:
        return {}
    curve = trial.intermediate_values or ({0: trial.value} if trial.value is not None else {})
    return {step: value for step, value in curve.items() if np.isfinite(value)}


def tame(values: Floats) -> Floats:
    """Bad values cut off, so that one of 1e10 does not flatten the difference between the good ones.

    What is worse than the median by more than three times the distance from the best to the median is all the same.
    """
    best, median = float(values.min()), float(np.median(values))
    return np.minimum(values, median + 3 * (median - best)) if median > best else values


def representative(values: Floats, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Indices of at most `count` values: the better half of them the best, the others spread evenly over the rest."""
    order = np.argsort(values, kind="stable")
    if len(order) <= count:
        return np.sort(order)
    half = count // 2
    spread = order[half:][np.linspace(0, len(order) - half - 1, count - half).astype(np.int64)]
    return np.sort(np.append(order[:half], spread))


def _neighbours(
    centres: Floats, scale: float, categorical: np.ndarray[tuple[int], np.dtype[np.bool_]], rng: np.random.Generator
) -> Floats:
    """64 points around each centre; categorical coordinates are sometimes drawn anew instead of moved."""
    around = np.repeat(centres, 64, axis=0)
    moved = np.clip(around + scale * rng.standard_normal(around.shape), 0.0, np.nextafter(1.0, 0.0))
    drawn = np.where(rng.random(around.shape) < 0.2, rng.random(around.shape), around)
    return np.where(categorical, drawn, moved)


def make(request: Request) -> GaussianProcessSampler:
    """The sampler of one proposal."""
    return GaussianProcessSampler(request.space, request.seed, request.index)
