"""Adam with eight hyperparameters, a baseline of learned optimizers (Metz et al. 2020, arXiv 2009.11243, app. D)."""

import math
from typing import Any, ClassVar

from torch import (
    _foreach_add_,
    _foreach_addcdiv_,
    _foreach_div,
    _foreach_sqrt_,
)

from stepladder_trainer.optimizers.adam import moments
from stepladder_trainer.optimizers.rule import Tensors, UpdateRule

STEPS = 10_000
"""The length of the runs that the published ranges of the two decays are for."""


class Adam8p(UpdateRule):
    """theta -= lr * max(0, 1 - t * linear_decay) * exp(-t * exponential_decay) * m' / (sqrt(v' + 1e-10) + epsilon).

    m', v' = m / (1 - beta1^n), v / (1 - beta2^n) at the n-th update, and t = (n - 1) * 10000 / horizon. With `l1` and
    `l2` that is eight. As in the authors' code (TaskSet, adam8p.py); the paper leaves out the 1e-10.
    """

    memory: ClassVar = {"first": 0.0, "second": 0.0}

    def update(
        self, weights: Tensors, gradients: Tensors, memory: dict[str, Tensors], updates: int, rule: dict[str, Any]
    ) -> None:
        """Along the corrected first moment, at a rate that decays by itself."""
        first, second = moments(memory, gradients, rule)
        roots = _foreach_div(second, 1 - rule["beta2"] ** updates)
        _foreach_add_(roots, 1e-10)
        _foreach_sqrt_(roots)
        _foreach_add_(roots, rule["epsilon"])
        time = (updates - 1) * STEPS / rule["horizon"]
        decay = max(0.0, 1 - time * rule["linear_decay"]) * math.exp(-time * rule["exponential_decay"])
        _foreach_addcdiv_(weights, first, roots, -rule["lr"] * decay / (1 - rule["beta1"] ** updates))
