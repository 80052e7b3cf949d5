"""Gradient clipping (Deep Learning Tuning Playbook, "Gradient clipping")."""

import math
from collections.abc import Sequence

PERCENTILE = 90.0
OFTEN = 0.5
"""The part of updates beyond which clipping is another way to lower the learning rate."""


def percentile(values: Sequence[float], percent: float = PERCENTILE) -> float:
    """Interpolated linearly: the 90th of 1 to 100 is 90.1. NaN where no value is finite."""
    ordered = sorted(value for value in values if math.isfinite(value))
    if not ordered:
        return math.nan
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def clipped_fraction(norms: Sequence[float], threshold: float) -> float:
    """The part of updates whose gradient is longer than `threshold`; one that is not finite counts as long."""
    return sum(not norm <= threshold for norm in norms) / len(norms) if norms else 0.0


def clipped_too_often(norms: Sequence[float], threshold: float) -> bool:
    """Whether a lower learning rate would be the better way."""
    return clipped_fraction(norms, threshold) > OFTEN


def histogram(values: Sequence[float], bins: int = 20) -> tuple[list[float], list[int]]:
    """(edges (bins + 1,), counts (bins,)) of the finite values above 0, evenly spaced in the logarithm."""
    finite = [value for value in values if 0 < value < math.inf]
    if not finite:
        return [], []
    low, high = math.log(min(finite)), math.log(max(finite))
    width = (high - low) / bins or 1.0
    counts = [0] * bins
    for value in finite:
        counts[min(bins - 1, int((math.log(value) - low) / width))] += 1
    return [math.exp(low + width * edge) for edge in range(bins + 1)], counts
