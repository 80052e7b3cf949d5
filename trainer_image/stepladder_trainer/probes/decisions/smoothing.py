"""A running mean of a noisy loss."""

from collections.abc import Iterable

MOMENTUM = 0.98


class Smoothed:
    """Exponentially weighted, corrected for its start at 0 (fast.ai, `AvgSmoothLoss`)."""

    def __init__(self, momentum: float = MOMENTUM) -> None:
        self._momentum = momentum
        self._mean = 0.0
        self._weight = 0.0

    def add(self, value: float) -> float:
        """Take `value` in; the mean so far."""
        self._mean = self._momentum * self._mean + (1 - self._momentum) * value
        self._weight = self._momentum * self._weight + (1 - self._momentum)
        return self._mean / self._weight


def smoothed(values: Iterable[float], momentum: float = MOMENTUM) -> list[float]:
    """The running mean at each of `values`."""
    mean = Smoothed(momentum)
    return [mean.add(value) for value in values]
