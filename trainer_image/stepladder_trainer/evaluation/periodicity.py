"""Whether a metric repeats itself, which hints at sets that overlap, or at data that is not shuffled (Deep Learning
Tuning Playbook, "Setting up periodic evaluations")."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BOUND = 4.0
"""Standard errors that a correlation has to be above 0: of 100 series without a period, not one passes for periodic."""

FEWEST = 32  # values
MOST = 128  # the newest, since the time goes with the cube
CYCLES = 4  # of a period, at least
OUTLIER = 3 * 1.4826  # times the median of the sizes: three standard deviations where noise is normal


@dataclass(frozen=True)
class Period:
    """A series that repeats itself after `length` of its values, and how they correlate with those so much later."""

    length: int
    correlation: float


def period(values: Sequence[float]) -> Period | None:
    """The period of evenly spaced `values` (n,), or None; of fewer than 32 there is none to be known.

    For each length, up to a quarter of the series: the trend, which is the centred mean over one such length, is
    subtracted, outliers are cut, and the autocorrelation at that lag is compared with its standard error, by Bartlett's
    formula (Box and Jenkins 1970, section 2.1.6) on what is left without the mean of each phase. What is alike at half
    the lag too is the smooth rest of a trend.
    """
    newest = values[-MOST:]
    if len(newest) < FEWEST or not all(map(math.isfinite, newest)):
        return None
    significant: dict[int, tuple[float, float]] = {}  # by length: standard errors, correlation
    for length in range(2, len(newest) // CYCLES + 1):
        rest = without_outliers(_detrended(newest, length))
        at_lag, at_half = autocorrelation(rest, length), autocorrelation(rest, length // 2)
        if at_half >= at_lag / 2 or at_lag * math.sqrt(len(rest) - length) <= BOUND:  # the least that it can err by
            continue
        errors = at_lag / _standard_error(rest, length)
        if errors > BOUND:
            significant[length] = errors, at_lag
    if not significant:
        return None
    strongest = max(significant, key=lambda length: significant[length])
    shortest = next(length for length in significant if strongest % length == 0)  # what has a period has its multiples
    return Period(shortest, significant[shortest][1])


def autocorrelation(values: Sequence[float], lag: int) -> float:
    """Of values with a mean of 0, at `lag`; 0 where all of them are."""
    square = sum(value * value for value in values)
    products = sum(value * later for value, later in zip(values, values[lag:], strict=False))
    return products / square * len(values) / (len(values) - lag) if square else 0.0


def evenly(points: Sequence[tuple[int, float]], every: int) -> list[float]:
    """The values at multiples of `every` steps, from the newest backwards until one is missing."""
    regular = [(step, value) for step, value in points if step % every == 0]
    gaps = [place for place, (one, following) in enumerate(pairwise(regular), 1) if following[0] - one[0] != every]
    return [value for _, value in regular[gaps[-1] if gaps else 0 :]]


def without_outliers(values: Sequence[float]) -> list[float]:
    """Those that are further from 0 than three standard deviations, at that distance."""
    limit = OUTLIER * sorted(map(abs, values))[len(values) // 2]
    return [max(-limit, min(limit, value)) for value in values]


def _detrended(values: Sequence[float], length: int) -> list[float]:
    """Without the centred mean over `length`, of which an even one weighs its two ends half."""
    half = length // 2
    ends = 1.0 if length % 2 else 0.5
    return [
        values[at] - (ends * (values[at - half] + values[at + half]) + sum(values[at - half + 1 : at + half])) / length
        for at in range(half, len(values) - half)
    ]


def _standard_error(rest: Sequence[float], lag: int) -> float:
    """Of the autocorrelation at `lag`, if there is no period."""
    phases = [sum(rest[phase::lag]) / len(rest[phase::lag]) for phase in range(lag)]
    noise = [value - phases[at % lag] for at, value in enumerate(rest)]
    shorter = (autocorrelation(noise, between) ** 2 * (1 - between / len(noise)) for between in range(1, lag))
    return math.sqrt((1 + 2 * sum(shorter)) / (len(rest) - lag))
