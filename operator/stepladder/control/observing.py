"""What of a reported number may become an observation."""

from typing import Final

LARGEST: Final = 3.4028234663852886e38  # that a 32-bit float holds


def finite(value: object) -> float | None:
    """The objective as a number that can be compared, averaged and stored; None for anything else.

    What a 32-bit float cannot hold counts as not finite: its square, which samplers and spreads are made of, must be
    finite too. Booleans are no numbers, though Python thinks so.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST <= value <= LARGEST:
        return None
    return float(value)
