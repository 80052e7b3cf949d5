"""Learning-rate schedules: pure functions of the step, so that nothing about them has to be saved or restored."""

import math
from collections.abc import Callable

DECAYS: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
}


def factor(schedule: str, step: int, *, horizon: int, warmup: int = 0) -> float:
    """What the peak learning rate is multiplied by at update `step` (the first is 1).

    The rate rises linearly to its peak at update `warmup`, and decays over what is left of the `horizon`, ending near 0
    at its last update and at 0 beyond it. The horizon is the round's, not the segment's: a promotion continues one and
    the same curve.
    """
    if step <= warmup:
        return step / warmup
    progress = (step - 1 - warmup) / max(1, horizon - warmup)
    return DECAYS[schedule](min(1.0, progress))
