"""What a model promises of a point, more is better, for minimisation."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfcx, ndtr

from stepladder.search.axis import Floats

_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
_SQRT_HALF_PI = np.sqrt(np.pi / 2)
_FAR = -1e6
"""Below this z the tail's first term is all that floating point can tell (Ament et al. 2023 have -1/sqrt(epsilon))."""


def expected_improvement(mean: ArrayLike, deviation: ArrayLike, best: float) -> Floats:
    """E[max(best - f, 0)] for f ~ N(mean, deviation^2), deviation > 0 (Mockus 1975; Jones et al. 1998)."""
    deviation = np.asarray(deviation, dtype=np.float64)
    z = (best - np.asarray(mean, dtype=np.float64)) / deviation
    return np.asarray(deviation * (z * ndtr(z) + np.exp(-0.5 * z * z - _LOG_SQRT_2PI)))


def log_expected_improvement(mean: ArrayLike, deviation: ArrayLike, best: float) -> Floats:
    """Its logarithm, finite and ordered where the improvement itself is 0 in floats (Ament et al., 2310.20708)."""
    deviation = np.asarray(deviation, dtype=np.float64)
    z = (best - np.asarray(mean, dtype=np.float64)) / deviation
    return np.asarray(np.log(deviation) + _log_h(z))


def optimism(mean: ArrayLike, deviation: ArrayLike) -> Floats:
    """Minus the lower confidence bound, one deviation below the mean (Cox & John 1992; Srinivas et al., 0912.3995).

    For values that are ranks. The promised best there is a place in an order, of which an improvement has no size; and
    many good ones for the higher rungs to choose from are worth more than the boldest guess.
    """
    return np.asarray(deviation, dtype=np.float64) - np.asarray(mean, dtype=np.float64)


def _log_h(z: Floats) -> Floats:
    """log(phi(z) + z Phi(z))."""
    near, tail = np.maximum(z, -1.0), np.clip(z, _FAR, -1.0)
    h = near * ndtr(near) + np.exp(-0.5 * near * near - _LOG_SQRT_2PI)
    # phi(z) (1 - |z| sqrt(pi/2) erfcx(|z|/sqrt 2)): the bracket cancels for large |z|, where it tends to 1/z^2.
    bracket = -np.abs(tail) * _SQRT_HALF_PI * erfcx(np.abs(tail) / np.sqrt(2))
    with np.errstate(divide="ignore"):
        exact = np.log1p(bracket)
    log_bracket = np.where(tail < -1e3, -2 * np.log(np.abs(z.clip(max=-1.0))), exact)
    return np.asarray(np.where(z > -1.0, np.log(h), -0.5 * z * z - _LOG_SQRT_2PI + log_bracket))
