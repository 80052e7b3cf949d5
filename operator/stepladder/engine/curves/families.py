"""The eleven families of learning curves of Domhan, Springenberg and Hutter (IJCAI 2015), Table 1, as formulas.

Each maps x > 0, the time that a curve has been trained for, to its value, which rises and levels off.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """A family: its formula, `function(x, *parameters)`, and their names as in the paper."""

    function: Callable[..., Any]
    parameters: tuple[str, ...]


FAMILIES: Final[Mapping[str, Family]] = {
    "vapor pressure": Family(lambda x, a, b, c: np.exp(a + b / x + c * np.log(x)), ("a", "b", "c")),
    "pow3": Family(lambda x, c, a, alpha: c - a * x**-alpha, ("c", "a", "alpha")),
    "log log linear": Family(lambda x, a, b: np.log(a * np.log(x) + b), ("a", "b")),
    "Hill3": Family(lambda x, theta, eta, kappa: theta * x**eta / (kappa**eta + x**eta), ("theta", "eta", "kappa")),
    "log power": Family(lambda x, a, b, c: a / (1 + (x / np.exp(b)) ** c), ("a", "b", "c")),
    "pow4": Family(lambda x, c, a, b, alpha: c - (a * x + b) ** -alpha, ("c", "a", "b", "alpha")),
    "MMF": Family(
        lambda x, alpha, beta, kappa, delta: alpha - (alpha - beta) / (1 + (kappa * x) ** delta),
        ("alpha", "beta", "kappa", "delta"),
    ),
    "exp4": Family(lambda x, c, a, alpha, b: c - np.exp(-a * x**alpha + b), ("c", "a", "alpha", "b")),
    "Janoschek": Family(
        lambda x, alpha, beta, kappa, delta: alpha - (alpha - beta) * np.exp(-kappa * x**delta),
        ("alpha", "beta", "kappa", "delta"),
    ),
    "Weibull": Family(
        lambda x, alpha, beta, kappa, delta: alpha - (alpha - beta) * np.exp(-((kappa * x) ** delta)),
        ("alpha", "beta", "kappa", "delta"),
    ),
    "ilog2": Family(lambda x, c, a: c - a / np.log(x + 1), ("c", "a")),
}
