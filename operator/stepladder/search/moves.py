"""Small steps along one axis."""

import math

import numpy as np

from stepladder.api.model import Scalar
from stepladder.search.axis import Axis

_LAST = math.nextafter(1.0, 0.0)


def reach(axis: Axis, value: Scalar, wanted: float) -> float:
    """How far to step along a numeric axis, as a part of its range.

    More than `wanted` where no other value lies so near, as with whole numbers.
    """
    at = axis.uniform(value)
    while wanted < 1 and axis.value(max(at - wanted, 0.0)) == axis.value(min(at + wanted, _LAST)) == value:
        wanted *= 2
    return wanted


def reflected(uniform: float) -> float:
    """The point in [0, 1) that a walk beyond the ends comes back to."""
    folded = abs(uniform) % 2
    return min(2 - folded if folded >= 1 else folded, _LAST)


def switched(axis: Axis, value: Scalar, rng: np.random.Generator) -> float:
    """A uniform number for another choice than `value`, if there is one."""
    count = len(axis.choices or ())
    offset = int(rng.integers(1, count)) if count > 1 else 0
    return (axis.uniform(value) + offset / count) % 1.0
