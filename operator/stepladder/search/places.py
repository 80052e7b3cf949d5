"""The values of a tuned parameter that stand on a grid."""

from decimal import Decimal

import numpy as np

from stepladder.api.model import Scalar
from stepladder.engine.extents import extent
from stepladder.search.axis import Axis


def values_on(axis: Axis, count: int) -> tuple[Scalar, ...]:
    """`count` different values in ascending order, at even distances on the parameter's scale, both ends among them;
    the choices as they are listed. `count` is at most the number of values that there are.

    A bell curve has no ends worth trying: there they are the middles of shares of equal probability.
    """
    if axis.choices is not None:
        return axis.choices
    bell = axis.parameter.normal is not None or axis.parameter.log_normal is not None
    if count == 1 or bell:
        return tuple(_tidy(axis, (place + 0.5) / count) for place in range(count))
    values = [_tidy(axis, float(u)) for u in np.linspace(0, 1, count)]
    return tuple(_apart(axis, values)) if extent(axis.parameter).values is not None else tuple(values)


def middle(axis: Axis) -> Scalar:
    """The value in the middle of a numeric scale; the first of the choices, which people list by preference."""
    return _tidy(axis, 0.5) if axis.choices is None else axis.choices[0]


def _tidy(axis: Axis, uniform: float) -> Scalar:
    """A value as people would have written it: 0.01, not 0.010000000000000004."""
    value = axis.value(uniform)
    short = float(f"{value:.12g}") if isinstance(value, float) else value
    return value if axis.recorded(short) is None else short


def _apart(axis: Axis, values: list[Scalar]) -> list[Scalar]:
    """On a logarithmic scale small whole numbers lie closer than 1, and would be the same when rounded: they move up
    to the next one that is free, as far as the upper end allows."""
    low, step = Decimal(str(axis.numeric.low)), Decimal(str(axis.numeric.step))
    last = int((Decimal(str(axis.numeric.high)) - low) / step)
    steps: list[int] = []
    for value in values:
        steps.append(max(round((Decimal(str(value)) - low) / step), steps[-1] + 1 if steps else 0))
    steps = [min(at, last - (len(steps) - 1 - place)) for place, at in enumerate(steps)]
    whole = all(isinstance(value, int) for value in values)
    return [int(low + step * at) if whole else float(low + step * at) for at in steps]
