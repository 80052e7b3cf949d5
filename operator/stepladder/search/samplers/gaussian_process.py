"""Bayesian optimisation: expected improvement under a Gaussian process, times the probability of being feasible
(Gelbart et al., 1403.5607).

Our own on scikit-learn, since Optuna's GPSampler needs PyTorch in the operator's image (docs/decisions.md).
"""

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial
from scipy.stats import qmc
from threadpoolctl import threadpool_limits

from stepladder.api.model import Scalar
from stepladder.search.acquisition import log_expected_improvement
from stepladder.search.axis import Floats
from stepladder.search.encoding import Encoding
from stepladder.search.evidence import STARTUP, Evidence, earlier, gather, maximizes, representative, tame
from stepladder.search.samplers import Request
from stepladder.search.samplers.quasi_random import QuasiRandomSampler
from stepladder.search.seeds import derive
from stepladder.search.surrogate import FeasibilityModel, ObjectiveModel

CANDIDATES = 2048
FITTED = 200
"""Trials that the model is fitted to at most: the cost of a fit grows with their cube."""
PENDING = 100
"""Running trials that are believed in at most, the newest."""
_SHRINKING = (0.1, 0.03, 0.01, 0.003, 0.001)


class GaussianProcessSampler(BaseSampler):
    """Quasi-random until enough trials have come back, then the point of the greatest expected improvement.

    Where there is a pool of candidates, the best of them.
    """

    def __init__(self, request: Request) -> None:
        self._space = request.space
        self._encoding = Encoding(request.space)
        self._startup = request.settings.startup_trials or STARTUP
        self._random_seed = derive(request.seed, request.index)
        self._candidates = request.candidates
        self._start = QuasiRandomSampler(request.space, request.seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All tuned parameters."""
        return {name: axis.distribution for name, axis in self._space.axes.items()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Scalar]:
        """The proposal, or nothing while the trials are too few."""
        evidence = gather(earlier(study, trial), self._encoding, maximize=maximizes(study))
        if len(evidence.values) < 2 or len(evidence.values) + len(evidence.infeasible) < self._startup:
            return {}
        # One thread: the matrices are small, others need the cores, and how a sum is shared out changes its last bits.
        with threadpool_limits(1):
            return self._best(evidence)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Scalar:
        """Startup."""
        return self._start.sample_independent(study, trial, param_name, param_distribution)

    def _best(self, evidence: Evidence) -> dict[str, Scalar]:
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

        if self._candidates:
            offered = [self._space.recorded(candidate) for candidate in self._candidates]
            return offered[np.argmax(score(np.array([self._encoding.uniforms(each) for each in offered])))]
        rng = np.random.default_rng(self._random_seed)
        pool = qmc.Halton(self._encoding.dimensions, rng=rng).random(CANDIDATES)
        pool = np.vstack([pool, evidence.points[np.argsort(evidence.values)[:4]]])
        scores = score(pool)
        for scale in _SHRINKING:
            top = np.argsort(-scores)[:4]
            pool, scores = pool[top], scores[top]
            near = _neighbours(pool, scale, self._encoding.categorical, rng)
            pool, scores = np.vstack([pool, near]), np.append(scores, score(near))
        return self._encoding.configuration(pool[np.argmax(scores)])


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
    return GaussianProcessSampler(request)
