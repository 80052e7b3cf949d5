"""Adam (Kingma and Ba 2015) and NAdam (Dozat 2016) as the Deep Learning Tuning Playbook has them."""

from typing import Any, ClassVar

import torch
from torch import (
    _foreach_add_,
    _foreach_addcdiv_,
    _foreach_addcmul_,
    _foreach_lerp,
    _foreach_lerp_,
    _foreach_mul_,
    _foreach_sqrt,
    _fused_adam_,
)

from stepladder_trainer.optimizers.rule import Tensors, UpdateRule


class Adam(UpdateRule):
    """m, v = running means of g, g^2;  theta -= lr * b * m / (sqrt(v) + epsilon).

    b = sqrt(1 - beta2^t) / (1 - beta1^t) makes up for means that start at 0.
    """

    memory: ClassVar = {"first": 0.0, "second": 0.0}

    def update(
        self, weights: Tensors, gradients: Tensors, memory: dict[str, Tensors], updates: int, rule: dict[str, Any]
    ) -> None:
        """PyTorch's kernel divides by sqrt(v / c) + its epsilon, c = 1 - beta2^t: an epsilon that is larger by
        1 / sqrt(c) makes that the playbook's rule."""
        epsilon = rule["epsilon"] / (1 - rule["beta2"] ** updates) ** 0.5
        time = torch.full((), updates, dtype=torch.float32, device=weights[0].device)
        _fused_adam_(
            weights, gradients, memory["first"], memory["second"], [], [time] * len(weights), lr=rule["lr"],
            beta1=rule["beta1"], beta2=rule["beta2"], eps=epsilon, weight_decay=0.0, amsgrad=False, maximize=False,
        )  # fmt: skip


def moments(memory: dict[str, Tensors], gradients: Tensors, rule: dict[str, Any]) -> tuple[Tensors, Tensors]:
    """Running means of the gradients and of their squares, moved in place."""
    first, second = memory["first"], memory["second"]
    _foreach_lerp_(first, gradients, 1 - rule["beta1"])
    _foreach_mul_(second, rule["beta2"])
    _foreach_addcmul_(second, gradients, gradients, 1 - rule["beta2"])
    return first, second


class NAdam(UpdateRule):
    """Adam with beta1 * m + (1 - beta1) * g in the place of m."""

    memory: ClassVar = {"first": 0.0, "second": 0.0}

    def update(
        self, weights: Tensors, gradients: Tensors, memory: dict[str, Tensors], updates: int, rule: dict[str, Any]
    ) -> None:
        """Along the first moment as it will be after one more such gradient."""
        first, second = moments(memory, gradients, rule)
        roots = _foreach_sqrt(second)
        _foreach_add_(roots, rule["epsilon"])
        correction = (1 - rule["beta2"] ** updates) ** 0.5 / (1 - rule["beta1"] ** updates)
        ahead = _foreach_lerp(first, gradients, 1 - rule["beta1"])
        _foreach_addcdiv_(weights, ahead, roots, -rule["lr"] * correction)
