"""From values to places on paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_TICKS = 8


@dataclass(frozen=True)
class Axis:
    """Values `low` to `high` on `length` pixels."""

    low: float
    high: float
    length: float
    log: bool = False

    @classmethod
    def over(cls, values: Sequence[float], length: float, *, log: bool) -> "Axis":
        """One that shows all of `values` that it can: finite ones, above 0 on a logarithmic axis."""
        shown = [value for value in values if math.isfinite(value) and (value > 0 or not log)] or [1.0]
        low, high = min(shown), max(shown)
        if low == high:
            low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
        return cls(low, high, length, log)

    def place(self, value: float) -> float | None:
        """Pixels from the beginning, None for what cannot be shown."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return None
        low, high, at = (math.log(it) if self.log else it for it in (self.low, self.high, value))
        return self.length * (at - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values within the axis, at most `MOST_TICKS`."""
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            for factors in ((1, 2, 5), (1,)):
                round_ones = [factor * 10.0**exponent for exponent in range(first, last + 1) for factor in factors]
                shown = [tick for tick in round_ones if self.low * (1 - 1e-9) <= tick <= self.high * (1 + 1e-9)]
                if 2 <= len(shown) <= MOST_TICKS:
                    return shown
            if shown:
                return shown[:: math.ceil(len(shown) / MOST_TICKS)]
        magnitude = 10.0 ** math.floor(math.log10((self.high - self.low) / MOST_TICKS))
        size = next(
            magnitude * factor for factor in (1, 2, 5, 10, 20) if magnitude * factor * MOST_TICKS > self.high - self.low
        )
        count = math.floor(self.high / size + 1e-9) - math.ceil(self.low / size - 1e-9) + 1
        return [(math.ceil(self.low / size - 1e-9) + place) * size for place in range(count)]
