"""Small steps along one axis, and configurations made of such steps."""

import math
from collections.abc import Mapping

import numpy as np

from stepladder.api.model import Scalar
from stepladder.search.axis import Axis
from stepladder.search.space import Space

_LAST = math.nextafter(1.0, 0.0)


def moved(axis: Axis, value: Scalar, step: float, wanted: float) -> Scalar:
    """The value `step` times as far from a number as the reach, reflected at the ends of the range.

    The reach is `wanted`, a part of the range on its scale; more where no other value lies so near, as with whole
    numbers.
    """
    at = axis.uniform(value)
    while wanted < 1 and axis.value(max(at - wanted, 0.0)) == axis.value(min(at + wanted, _LAST)) == value:
        wanted *= 2
    folded = abs(at + wanted * step) % 2
    return axis.value(min(2 - folded if folded >= 1 else folded, _LAST))


def switched(axis: Axis, value: Scalar, rng: np.random.Generator) -> Scalar:
    """Another choice than `value`, if there is one."""
    count = len(axis.choices or ())
    offset = int(rng.integers(1, count)) if count > 1 else 0
    return axis.value((axis.uniform(value) + offset / count) % 1.0)


def configuration(space: Space, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Of a value for each tuned parameter, those that exist beside each other; one without takes the middle."""
    chosen = space.resolve(lambda axis: values[axis.name] if axis.name in values else axis.value(0.5))
    return {name: value for name, value in chosen.items() if name in space.axes}
