"""How the numbers between two ends are laid out: even, on a logarithmic scale, or as a bell curve.

A curve has two coordinates. `position` is where a number lies between the ends on the curve's own scale, in [0, 1]:
what a surrogate model sees. `uniform` is the number's quantile: what a uniform random number stands for. They differ
for bell curves only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from stepladder.api.ranges import FloatRange, LogNormal, Normal, Scale
from stepladder.engine.extents import ends

Floats = NDArray[np.float64]
Transform = Callable[[Any], Any]


def _same(x: Any) -> Any:
    return x


def _one_minus(x: Any) -> Any:
    """-log(1 - x), which grows with x."""
    return -np.log1p(-x)


def _one_minus_back(t: Any) -> Any:
    return -np.expm1(-t)


_TRANSFORMS: Final[dict[Scale, tuple[Transform, Transform]]] = {
    Scale.LINEAR: (_same, _same),
    Scale.LOG: (np.log, np.exp),
    Scale.LOG_ONE_MINUS: (_one_minus, _one_minus_back),
}


@dataclass(frozen=True)
class Bell:
    """A normal distribution of the transformed number."""

    mean: float
    standard_deviation: float


@dataclass(frozen=True)
class Curve:
    """The numbers from `low` to `high`: evenly spread on `scale`, or by `bell` on it."""

    low: float
    high: float
    scale: Scale
    bell: Bell | None = None

    def numbers(self, uniform: ArrayLike) -> Floats:
        """The numbers at these quantiles."""
        u = np.asarray(uniform, dtype=np.float64)
        forth, back = _TRANSFORMS[self.scale]
        if self.bell is None:
            places = _between(forth(self.low), forth(self.high), u)
        else:
            places = self.bell.mean + self.bell.standard_deviation * ndtri(_between(*self._tails(), u))
        return np.asarray(np.clip(back(places), self.low, self.high))

    def uniform(self, number: ArrayLike) -> Floats:
        """The quantiles of these numbers."""
        if self.bell is None:
            return self.position(number)
        low, high = self._tails()
        return np.asarray((self._below(np.asarray(number, dtype=np.float64)) - low) / (high - low))

    def position(self, number: ArrayLike) -> Floats:
        """Where the numbers lie between the ends, in [0, 1], on the scale."""
        forth, _ = _TRANSFORMS[self.scale]
        low, high = forth(self.low), forth(self.high)
        if low == high:
            return np.full(np.shape(number), 0.5)
        return np.asarray((forth(np.asarray(number, dtype=np.float64)) - low) / (high - low))

    def _tails(self) -> tuple[float, float]:
        """How much of the whole bell lies below either end."""
        return float(self._below(self.low)), float(self._below(self.high))

    def _below(self, number: ArrayLike) -> Any:
        assert self.bell is not None  # noqa: S101  for the type checker: both callers have asked
        forth, _ = _TRANSFORMS[self.scale]
        return ndtr((forth(number) - self.bell.mean) / self.bell.standard_deviation)


def curve(values: FloatRange | Normal | LogNormal) -> Curve:
    """The curve of a parameter's continuous values."""
    low, high = ends(values)
    if isinstance(values, FloatRange):
        return Curve(low, high, values.scale)
    scale = Scale.LINEAR if isinstance(values, Normal) else Scale.LOG
    return Curve(low, high, scale, Bell(values.mean, values.standard_deviation))


def _between(low: float, high: float, u: Floats) -> Floats:
    return low + (high - low) * u
