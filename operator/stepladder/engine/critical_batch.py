"""The critical batch size: where more examples in an update stop saving updates.

McCandlish et al. 2018 (arXiv 1812.06162), section 2.3: S updates of B examples, and so E = S B examples, that reach the
same loss obey (S / S_min - 1) (E / E_min - 1) = 1, hence S = S_min (1 + B_crit / B) with B_crit = E_min / S_min. Small
batches are on the line of perfect scaling, S = E_min / B; large ones near the least number of updates, S_min. The three
regimes are those of Shallue et al. 2019 (arXiv 1811.03600), "Steps to Result Depends on Batch Size in a Similar Way".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

FEWEST: Final = 3  # sizes: two parameters go through any two points
WIDEST: Final = 600.0  # a standard error that says nothing any more; times any batch size its exponential is finite
REACH: Final = 1000.0  # how many times beyond the sizes that were measured the fit looks
BEND: Final = 4.0
"""Up to a fourth of the critical size, doubling the batch saves at least 40 % of the updates (of the 50 % that would be
perfect); from four times it on, at most 10 %. Shallue et al. tell the regimes by eye: the bounds are ours."""


class Regime(StrEnum):
    """What doubling the batch does."""

    PERFECT_SCALING = "perfect scaling"  # it halves the updates
    DIMINISHING_RETURNS = "diminishing returns"  # it saves fewer
    MAXIMAL_DATA_PARALLELISM = "maximal data parallelism"  # it saves none to speak of


@dataclass(frozen=True)
class Fit:
    """The curve through the updates that each batch size took. `smallest`, `largest`: the sizes that it rests on."""

    min_steps: float  # S_min, updates
    critical: float  # B_crit, examples in an update
    standard_error: float  # of the logarithm of B_crit
    deviation: float  # root mean square, of the logarithm of the updates
    smallest: int
    largest: int

    @property
    def min_examples(self) -> float:
        """E_min, the examples that even the smallest batch needs."""
        return self.min_steps * self.critical

    @property
    def measured(self) -> bool:
        """Whether the sizes reach to both sides of the bend; otherwise `critical` is but a direction to look into."""
        return self.smallest <= self.critical <= self.largest

    @property
    def interval(self) -> tuple[float, float]:
        """B_crit less and more one standard error of its logarithm; of use only where it is `measured`. Finite."""
        error = min(self.standard_error, WIDEST)
        return self.critical * exp(-error), self.critical * exp(error)

    def steps(self, batch: float) -> float:
        """Updates of `batch` examples that the curve has."""
        return self.min_steps * (1 + self.critical / batch)

    def regime(self, batch: float) -> Regime:
        """Where a size lies."""
        if batch * BEND <= self.critical:
            return Regime.PERFECT_SCALING
        return Regime.DIMINISHING_RETURNS if batch < BEND * self.critical else Regime.MAXIMAL_DATA_PARALLELISM


def fit(points: Sequence[tuple[int, float]]) -> Fit | None:
    """By least squares in the logarithm of the updates. `points`: (batch size, updates), each size once, updates above
    0. None for fewer than three: a curve of two parameters goes through any two.

    For a given B_crit the best S_min is a mean, so that one number is searched for, up to `REACH` times beyond the
    sizes: data that scale perfectly put it at the upper end, data on a plateau at the lower.
    """
    if len(points) < FEWEST:
        return None
    batches = np.array([batch for batch, _ in points], dtype=float)
    logs = np.log([steps for _, steps in points])

    def residuals(log_critical: float) -> NDArray[np.float64]:
        without_scale = logs - np.log1p(exp(log_critical) / batches)
        centred: NDArray[np.float64] = without_scale - without_scale.mean()
        return centred

    ends = log(batches.min() / REACH), log(batches.max() * REACH)
    found = minimize_scalar(lambda at: float(np.square(residuals(at)).sum()), bounds=ends, options={"xatol": 1e-10})
    left = residuals(found.x)
    critical = exp(found.x)
    slopes = critical / (batches + critical)  # of the curve, in logarithms, by that of B_crit
    spread = float(np.square(slopes - slopes.mean()).sum())
    variance = float(np.square(left).sum()) / (len(points) - 2)
    return Fit(
        min_steps=exp(float((logs - np.log1p(critical / batches)).mean())),
        critical=critical,
        standard_error=sqrt(variance / spread) if spread > 0 else float("inf"),
        deviation=sqrt(float(np.square(left).mean())),
        smallest=int(batches.min()),
        largest=int(batches.max()),
    )
