"""How far a parameter's values reach, and how many there are."""

import math
from dataclasses import dataclass
from decimal import Decimal

from stepladder.api.ranges import WIDEST_BELL, FloatRange, IntRange, LogNormal, Normal, Scale
from stepladder.api.study import Parameter


@dataclass(frozen=True)
class Extent:
    """The reach of a tuned parameter: how many values, or, if they are continuous, how far they go."""

    values: int | None = None  # None: a continuum
    ends: tuple[float, float] | None = None  # None: choices
    decades: float | None = None  # powers of ten from end to end, on a logarithmic scale


def extent(parameter: Parameter) -> Extent:
    """The reach of a parameter that has a range. Raises ValueError for one that has a value."""
    match parameter:
        case Parameter(categorical=choice) if choice is not None:
            return Extent(values=len(choice.values))
        case Parameter(int_=IntRange() as r):
            decades = math.log10(r.max / r.min) if r.scale is Scale.LOG else None
            return Extent((r.max - r.min) // (r.step or 1) + 1, (r.min, r.max), decades)
        case Parameter(float_=FloatRange() as values):
            low, high = ends(values)
            number = whole_steps(low, high, values.step) + 1 if values.step else None
            return Extent(number, (low, high), _decades(low, high, values.scale))
        case Parameter(normal=Normal() as bell):
            return Extent(ends=ends(bell))
        case Parameter(log_normal=LogNormal() as bell):
            low, high = ends(bell)
            return Extent(ends=(low, high), decades=_decades(low, high, Scale.LOG))
    raise ValueError(f"parameter {parameter.name} has a value and no range: it has no extent")


def ends(values: FloatRange | Normal | LogNormal) -> tuple[float, float]:
    """The smallest and the largest value. A bell curve without an end of its own is cut at `WIDEST_BELL`."""
    if isinstance(values, FloatRange):
        return values.min, values.max
    reach = WIDEST_BELL * values.standard_deviation
    low, high = values.mean - reach, values.mean + reach
    if isinstance(values, LogNormal):
        low, high = math.exp(low), math.exp(high)
    return (low if values.min is None else values.min), (high if values.max is None else values.max)


def whole_steps(low: float, high: float, step: float) -> int:
    """How many whole steps fit, in decimals: floats would lose the last one of 0 to 0.3 by 0.1."""
    return int((Decimal(str(high)) - Decimal(str(low))) // Decimal(str(step)))


def _decades(low: float, high: float, scale: Scale) -> float | None:
    match scale:
        case Scale.LOG:
            return math.log10(high / low)
        case Scale.LOG_ONE_MINUS:
            return math.log10((1 - low) / (1 - high))
    return None
