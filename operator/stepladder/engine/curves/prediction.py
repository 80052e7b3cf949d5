"""How a learning curve goes on: a weighted mixture of the eleven families of Domhan et al. (IJCAI 2015).

The paper samples all parameters of all families by MCMC, for minutes. Ours integrates: for each point of a grid over a
shape's own parameters the linear ones have a Normal-inverse-gamma posterior in closed form, whose evidence weighs the
point, and whose prediction is a Student's t. The grid is narrowed twice to where the weight is. As in the paper's
code, recent values count more, up to ten times the first ones.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Final

import numpy as np
from scipy.special import stdtr

from stepladder.engine.curves.families import FAMILIES, Array
from stepladder.engine.curves.shapes import SHAPES, Shape

MOST_POINTS: Final = 48  # of a curve; a longer one is thinned
GRID: Final = 12  # points along each shape parameter
NARROWED: Final = 2  # times
DEEP: Final = 8.0  # nats below the best, where the grid may end
SPREAD: Final = 1.5  # prior standard deviation of a coefficient, in units of what the curve has risen
QUIETEST: Final = 1e-3  # the least noise, in the same units
SCALED: Final = (1e-9, 100.0)  # where logarithms and exponentials of values are asked for
RECENT: Final = 10.0  # times the weight of the first value
NOISE_SHAPE: Final = 2.0  # how firmly the noise is believed to be what successive values show


@dataclass(frozen=True)
class Component:
    """The predictions of one shape, on its own scale: one for each point of its grid."""

    shape: Shape
    log_weight: Array
    location: Array
    spread: Array
    freedom: float


@dataclass(frozen=True)
class Prediction:
    """What a curve will be worth at its horizon: a mixture of Student's t distributions."""

    components: tuple[Component, ...]
    origin: float
    unit: float

    def probability_above(self, value: float) -> float:
        """P(y(horizon) > value), the noise of an evaluation included."""
        u = np.clip(np.array((value - self.origin) / self.unit), *SCALED)
        total = 0.0
        for component, weights in self._weighted():
            shape = component.shape
            z = (shape.scale(u) - component.location) / (component.spread * shape.slope(u))
            total += float(np.sum(weights * stdtr(component.freedom, -z)))
        return total

    def mean(self) -> float:
        """The weighted mean of the predictions."""
        total = sum(float(np.sum(w * c.shape.back(c.location))) for c, w in self._weighted())
        return self.origin + self.unit * total

    def _weighted(self) -> list[tuple[Component, Array]]:
        most = max(float(c.log_weight.max()) for c in self.components)
        raw = [(c, np.exp(c.log_weight - most)) for c in self.components]
        total = sum(float(weights.sum()) for _, weights in raw)
        return [(c, weights / total) for c, weights in raw]


@lru_cache(maxsize=4096)
def predict(
    steps: tuple[int, ...], values: tuple[float, ...], horizon: int, families: tuple[str, ...] = tuple(FAMILIES)
) -> Prediction:
    """The prediction at step `horizon` of a curve that rises as it gets better.

    `steps` ascend and are at least 1; there are at least 4. Takes about 15 ms.
    """
    kept = sorted(set(np.linspace(0, len(steps) - 1, min(len(steps), MOST_POINTS)).round().astype(int)))
    x = np.array(steps, dtype=float)[kept] / steps[0]
    y = np.array(values)[kept]
    # A first value that is far off (a loss before training) must not hide in its shadow what has happened since.
    y = np.maximum(y, y.max() - 10 * (y.max() - np.quantile(y, 0.3)))
    unit = max(float(np.ptp(y)), 1e-4 * float(np.abs(y).max()), 1e-12) / 0.8
    origin = float(y.min()) - 0.1 * unit
    u = (y - origin) / unit
    reach = horizon / steps[0]
    components = [
        _component(shape, x, u, reach, log(len(set(shape.families).intersection(families))))
        for shape in SHAPES
        if not set(shape.families).isdisjoint(families)
    ]
    return Prediction(tuple(components), origin, unit)


def _component(shape: Shape, x: Array, u: Array, reach: float, log_prior: float) -> Component:
    box = [(np.log(low), np.log(high)) for low, high in shape.bounds(reach)]
    weights = RECENT ** (np.arange(len(x)) / len(x))
    weights = weights / weights.mean() / shape.slope(u) ** 2
    noise = _noise(u)
    for narrowing in range(NARROWED + 1):
        axes = [np.linspace(low, high, GRID) for low, high in box]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes)) if axes else np.zeros((1, 0))
        log_evidence, location, spread = _regress(shape, points, x, u, reach, weights, noise)
        if not axes or narrowing == NARROWED:
            break
        good = points[log_evidence > log_evidence.max() - DEEP]
        cells = [(high - low) / (GRID - 1) for low, high in box]
        box = [
            (max(low, float(good[:, i].min()) - cell), min(high, float(good[:, i].max()) + cell))
            for i, ((low, high), cell) in enumerate(zip(box, cells, strict=True))
        ]
    # A grid that was narrowed stands for a smaller part of what was thought possible.
    wide = [np.log(high) - np.log(low) for low, high in shape.bounds(reach)]
    share = sum(np.log((high - low) / width) for (low, high), width in zip(box, wide, strict=True))
    log_weight = log_evidence + log_prior + share - np.log(len(points))
    return Component(shape, log_weight, location, spread, 2 * NOISE_SHAPE + len(x))


def _noise(u: Array) -> float:
    """The standard deviation of what is not smooth, by the median of second differences: the first ones are steep."""
    return max(QUIETEST, float(np.median(np.abs(np.diff(u, 2)))) / 0.6745 / 6**0.5)


def _regress(
    shape: Shape, points: Array, x: Array, u: Array, reach: float, weights: Array, noise: float
) -> tuple[Array, Array, Array]:
    """For each grid point: log evidence, and location and spread of the prediction, on the shape's scale.

    Bishop, "Pattern Recognition and Machine Learning" (2006), exercises 3.12 and 3.23.
    """
    parameters = [np.exp(points[:, [i]]) for i in range(points.shape[1])]
    both = np.broadcast_to(np.append(x, reach), (len(points), len(x) + 1))
    with np.errstate(over="ignore", under="ignore"):
        columns = np.stack(np.broadcast_arrays(*shape.columns(both, *parameters)), -1)
    design, ahead = columns[:, :-1], columns[:, -1]
    target = shape.scale(u)
    prior_mean = np.zeros(design.shape[-1])
    prior_mean[0] = float(target[-1])
    residual = target - design @ prior_mean
    prior = (noise / SPREAD) ** 2 * np.eye(design.shape[-1])
    weighted = design * weights[:, None]
    precision = np.swapaxes(weighted, 1, 2) @ design + prior
    moment = np.einsum("gnp,gn->gp", weighted, residual)
    covariance = np.linalg.inv(precision)
    shift = np.einsum("gpq,gq->gp", covariance, moment)
    a = NOISE_SHAPE + len(x) / 2
    b = NOISE_SHAPE * noise**2 + 0.5 * (residual**2 @ weights - np.einsum("gp,gp->g", shift, moment))
    b = np.maximum(b, 0.5 * NOISE_SHAPE * noise**2)
    log_evidence = 0.5 * (np.linalg.slogdet(prior)[1] - np.linalg.slogdet(precision)[1]) - a * np.log(b)
    location = ahead @ prior_mean + np.einsum("gp,gp->g", ahead, shift)
    leverage = np.einsum("gp,gpq,gq->g", ahead, covariance, ahead)
    return log_evidence, location, np.sqrt(b / a * (1 + leverage))
