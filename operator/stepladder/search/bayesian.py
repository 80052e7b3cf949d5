"""Bayesian optimisation, whatever the model: what it promises most of is proposed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial
from scipy.stats import qmc
from threadpoolctl import threadpool_limits

from stepladder.api.model import Scalar
from stepladder.search.axis import Floats
from stepladder.search.encoding import Encoding
from stepladder.search.evidence import STARTUP, Evidence, earlier, gather, maximizes
from stepladder.search.samplers import Request
from stepladder.search.seeds import derive
from stepladder.search.startup import LearningSampler

CANDIDATES = 2048
_SHRINKING = (0.1, 0.03, 0.01, 0.003, 0.001)

Acquisition = Callable[[Floats], Floats]
"""What a proposal promises: (n, columns) encoded points -> (n,), more is better."""
Fit = Callable[[Evidence, Encoding, int], Acquisition]
"""A model of the evidence, as what it promises. The last argument is the seed of whatever is random in it."""


class BayesianSampler(LearningSampler):
    """Quasi-random until enough trials have come back, then the point that the fitted model promises most of.

    Where there is a pool of candidates, the best of them. No configuration is proposed again while others are found.
    """

    def __init__(self, request: Request, fit: Fit) -> None:
        super().__init__(request)
        self._encoding = Encoding(request.space)
        self._fit = fit
        self._startup = request.settings.startup_trials or STARTUP
        self._random_seed = derive(request.seed, request.index)
        self._candidates = request.candidates
        self._rungs = request.rungs

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Scalar]:
        """The proposal, or nothing while the trials are too few."""
        evidence = gather(earlier(study, trial), self._encoding, maximize=maximizes(study), rungs=self._rungs)
        if len(evidence.values) < 2 or len(evidence.values) + len(evidence.infeasible) < self._startup:
            return {}
        # One thread: the models are small, others need the cores, and how a sum is shared out changes its last bits.
        with threadpool_limits(1):
            return self._best(evidence, self._fit(evidence, self._encoding, self._random_seed))

    def _best(self, evidence: Evidence, acquisition: Acquisition) -> dict[str, Scalar]:
        encode = self._encoding.encode
        if self._candidates:
            promises = acquisition(encode(self._encoding.uniforms(self._candidates)))
            return dict(self._candidates[np.argmax(promises)])
        pool = self._pool(evidence, lambda uniforms: acquisition(encode(uniforms)))
        tried = {row.tobytes() for row in encode(np.vstack([evidence.points, evidence.infeasible, evidence.pending]))}
        for uniforms, row in zip(pool, encode(pool), strict=True):
            if row.tobytes() not in tried:
                return self._encoding.configuration(uniforms)
        return {}

    def _pool(self, evidence: Evidence, score: Acquisition) -> Floats:
        """Points all over the space and ever closer around the best of them, in uniform coordinates, best first."""
        rng = np.random.default_rng(self._random_seed)
        pool = qmc.Halton(self._encoding.dimensions, rng=rng).random(CANDIDATES)
        pool = np.vstack([pool, evidence.points[np.argsort(evidence.values)[:4]]])
        scores = score(pool)
        for scale in _SHRINKING:
            top = np.argsort(-scores, kind="stable")[:4]
            near = neighbours(pool[top], scale, self._encoding.categorical, rng)
            pool, scores = np.vstack([pool, near]), np.append(scores, score(near))
        return pool[np.argsort(-scores, kind="stable")]


def neighbours(centres: Floats, scale: float, categorical: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """64 points around each centre; categorical coordinates are sometimes drawn anew instead of moved."""
    around = np.repeat(centres, 64, axis=0)
    moved = np.clip(around + scale * rng.standard_normal(around.shape), 0.0, np.nextafter(1.0, 0.0))
    drawn = np.where(rng.random(around.shape) < 0.2, rng.random(around.shape), around)
    return np.where(categorical, drawn, moved)
