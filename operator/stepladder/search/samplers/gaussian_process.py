"""Bayesian optimisation: expected improvement under a Gaussian process, times the probability of being feasible
(Gelbart et al., 1403.5607).

Our own on scikit-learn, since Optuna's GPSampler needs PyTorch in the operator's image (docs/decisions.md).
"""

import numpy as np

from stepladder.search.acquisition import log_expected_improvement, optimism
from stepladder.search.axis import Floats
from stepladder.search.bayesian import Acquisition, BayesianSampler
from stepladder.search.encoding import Encoding
from stepladder.search.evidence import Evidence, representative, tame
from stepladder.search.samplers import Request
from stepladder.search.surrogate import FeasibilityModel, ObjectiveModel

FITTED = 200
"""Trials that the model is fitted to at most: the cost of a fit grows with their cube."""
PENDING = 100
"""Running trials that are believed in at most, the newest."""


def fit(evidence: Evidence, encoding: Encoding, _seed: int) -> Acquisition:
    """The logarithm of the expected improvement, of which nothing is random."""
    encode = encoding.encode
    chosen = representative(evidence.values, FITTED)
    known, values = encode(evidence.points[chosen]), evidence.values[chosen]
    if not evidence.ordinal:
        values = tame(values)
    pending = encode(evidence.pending[-PENDING:])
    model = ObjectiveModel(known, values).believing(pending)
    # The posterior's best, since a single lucky result is noise; what running trials promise counts as had.
    best = float(model.predict(np.vstack([known, pending]))[0].min())
    feasibility = None
    if len(evidence.infeasible):
        feasibility = FeasibilityModel(known[: -FITTED // 2 : -1], encode(evidence.infeasible[-FITTED // 2 :]))

    def acquisition(points: Floats) -> Floats:
        mean, deviation = model.predict(points)
        promise = optimism(mean, deviation) if evidence.ordinal else log_expected_improvement(mean, deviation, best)
        return promise if feasibility is None else promise + feasibility.log_probability(points)

    return acquisition


def make(request: Request) -> BayesianSampler:
    """The sampler of one proposal."""
    return BayesianSampler(request, fit)
