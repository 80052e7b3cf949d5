"""Bayesian optimisation: expected improvement under a random forest, as SMAC has it (Hutter, Hoos & Leyton-Brown, LION
2011; Lindauer et al., JMLR 23, 2022), times the probability of being feasible.

A forest asks nothing of the space: choices and conditions are splits like others, and its cost hardly grows with the
trials.
"""

import numpy as np

from stepladder.search.acquisition import log_expected_improvement, optimism
from stepladder.search.axis import Floats
from stepladder.search.bayesian import Acquisition, BayesianSampler
from stepladder.search.encoding import Encoding
from stepladder.search.evidence import Evidence, representative, tame
from stepladder.search.forest import Forest
from stepladder.search.samplers import Request

FITTED = 400
"""Trials of a kind (feasible, infeasible, running) that the model is fitted to at most."""
_SURE = 0.01
"""The least standard deviation, as a part of the values': where all trees agree there may still be something better."""
_HOPELESS = 1e-3
"""The probability of being feasible where no tree says so."""


def fit(evidence: Evidence, encoding: Encoding, seed: int) -> Acquisition:
    """The logarithm of the expected improvement.

    Running trials are taken to come out as the average one (the constant liar's mean, Ginsbourger et al. 2010), so that
    proposals made side by side part.
    """
    encode = encoding.encode
    chosen = representative(evidence.values, FITTED)
    known, values = encode(evidence.points[chosen]), evidence.values[chosen]
    if not evidence.ordinal:
        values = tame(values)
    pending = encode(evidence.pending[-FITTED:])
    model = Forest(np.vstack([known, pending]), np.append(values, np.full(len(pending), values.mean())), seed)
    best = float(model.predict(known)[0].min())
    least = _SURE * float(values.std()) or _SURE
    feasibility = None
    if len(evidence.infeasible):
        infeasible = encode(evidence.infeasible[-FITTED:])
        labels = np.append(np.ones(len(known)), np.zeros(len(infeasible)))
        feasibility = Forest(np.vstack([known, infeasible]), labels, seed)

    def acquisition(points: Floats) -> Floats:
        mean, deviation = model.predict(points)
        deviation = np.maximum(deviation, least)
        promise = optimism(mean, deviation) if evidence.ordinal else log_expected_improvement(mean, deviation, best)
        if feasibility is None:
            return promise
        return promise + np.log(np.maximum(feasibility.predict(points)[0], _HOPELESS))

    return acquisition


def make(request: Request) -> BayesianSampler:
    """The sampler of one proposal."""
    return BayesianSampler(request, fit)
