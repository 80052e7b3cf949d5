"""Proposals that no earlier trial has had."""

from collections.abc import Callable, Sequence

import numpy as np
from optuna.trial import FrozenTrial

from stepladder.api.model import Scalar

_ATTEMPTS = 64


def first_new(
    draw: Callable[[np.random.Generator], dict[str, Scalar]], before: Sequence[FrozenTrial], seed: int
) -> dict[str, Scalar] | None:
    """The first configuration drawn that no trial `before` has; None where many draws give none.

    The draws follow from `seed` alone.
    """
    rng = np.random.default_rng(seed)
    for _ in range(_ATTEMPTS):
        drawn = draw(rng)
        if not any(trial.params == drawn for trial in before):
            return drawn
    return None
