"""Gradient descent, and with momentum."""

from typing import Any

import torch
from torch import Tensor

from stepladder_trainer.optimizers.rule import UpdateRule


class SGD(UpdateRule):
    """theta -= lr * g."""

    def direction(self, gradient: Tensor, state: dict[str, Any], rule: dict[str, Any]) -> Tensor:
        """The gradient itself."""
        return gradient


class Momentum(UpdateRule):
    """v = momentum * v + g;  theta -= lr * v."""

    def direction(self, gradient: Tensor, state: dict[str, Any], rule: dict[str, Any]) -> Tensor:
        """The velocity."""
        return _velocity(gradient, state, rule["momentum"])


class Nesterov(UpdateRule):
    """v = momentum * v + g;  theta -= lr * (momentum * v + g)."""

    def direction(self, gradient: Tensor, state: dict[str, Any], rule: dict[str, Any]) -> Tensor:
        """The velocity as it will be after one more such gradient."""
        return gradient.add(_velocity(gradient, state, rule["momentum"]), alpha=rule["momentum"])


def _velocity(gradient: Tensor, state: dict[str, Any], momentum: float) -> Tensor:
    velocity: Tensor = state.setdefault("velocity", torch.zeros_like(gradient))
    return velocity.mul_(momentum).add_(gradient)
