"""Gradient descent, and with momentum (Polyak 1964, Nesterov 1983). PyTorch's rules are the same."""

from typing import Any, ClassVar

from torch import _fused_sgd_

from stepladder_trainer.optimizers.rule import Tensors, UpdateRule


class SGD(UpdateRule):
    """theta -= lr * g."""

    nesterov: ClassVar[bool] = False

    def update(
        self, weights: Tensors, gradients: Tensors, memory: dict[str, Tensors], updates: int, rule: dict[str, Any]
    ) -> None:
        """Down the gradient, or along the velocity."""
        _fused_sgd_(
            weights, gradients, memory.get("velocity", []), lr=rule["lr"], momentum=rule.get("momentum", 0.0),
            nesterov=self.nesterov, weight_decay=0.0, dampening=0.0, maximize=False, is_first_step=False,
        )  # fmt: skip


class Momentum(SGD):
    """v = momentum * v + g;  theta -= lr * v."""

    memory: ClassVar = {"velocity": 0.0}


class Nesterov(Momentum):
    """v = momentum * v + g;  theta -= lr * (momentum * v + g)."""

    nesterov: ClassVar = True
