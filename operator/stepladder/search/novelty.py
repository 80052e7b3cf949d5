"""Proposals that no earlier trial has had."""

from collections.abc import Callable, Mapping, Sequence

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
    had = {_key(trial.params) for trial in before}
    rng = np.random.default_rng(seed)
    for _ in range(_ATTEMPTS):
        if _key(drawn := draw(rng)) not in had:
            return drawn
    return None


def _key(configuration: Mapping[str, Scalar]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in configuration.items()))
