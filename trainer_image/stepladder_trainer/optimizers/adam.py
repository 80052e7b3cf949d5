"""Adam and its relatives."""

from typing import Any

import torch
from torch import Tensor

from stepladder_trainer.optimizers.rule import UpdateRule


class Adam(UpdateRule):
    """m, v = running means of g, g^2;  theta -= lr * b * m / (sqrt(v) + epsilon).

    b = sqrt(1 - beta2^t) / (1 - beta1^t) makes up for means that start at 0.
    """

    def direction(self, gradient: Tensor, state: dict[str, Any], rule: dict[str, Any]) -> Tensor:
        """The first moment over the root of the second."""
        step, first, second = _moments(gradient, state, rule)
        return _corrected(first, second, step, rule)


class NAdam(UpdateRule):
    """Adam with beta1 * m + (1 - beta1) * g in the place of m."""

    def direction(self, gradient: Tensor, state: dict[str, Any], rule: dict[str, Any]) -> Tensor:
        """The first moment as it will be after one more such gradient, over the root of the second."""
        step, first, second = _moments(gradient, state, rule)
        return _corrected(first.mul(rule["beta1"]).add_(gradient, alpha=1 - rule["beta1"]), second, step, rule)


def _moments(gradient: Tensor, state: dict[str, Any], rule: dict[str, Any]) -> tuple[int, Tensor, Tensor]:
    if not state:
        state.update(step=0, first=torch.zeros_like(gradient), second=torch.zeros_like(gradient))
    state["step"] += 1
    state["first"].mul_(rule["beta1"]).add_(gradient, alpha=1 - rule["beta1"])
    state["second"].mul_(rule["beta2"]).addcmul_(gradient, gradient, value=1 - rule["beta2"])
    return state["step"], state["first"], state["second"]


def _corrected(first: Tensor, second: Tensor, step: int, rule: dict[str, Any]) -> Tensor:
    correction = (1 - rule["beta2"] ** step) ** 0.5 / (1 - rule["beta1"] ** step)
    return first.div(second.sqrt().add_(rule["epsilon"])).mul_(correction)
