"""Shapes of decay that are functions of progress alone."""

import math
from collections.abc import Callable

DECAYS: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
}
"""From the part of the horizon that is done, 0 to 1, to what the peak learning rate is multiplied by."""
