"""Rules that divide by the root of squared gradients, without Adam's first moment."""

from typing import Any, ClassVar

from torch import (
    _foreach_add,
    _foreach_add_,
    _foreach_addcdiv_,
    _foreach_addcmul_,
    _foreach_mul_,
    _foreach_sqrt,
    _foreach_sqrt_,
    _foreach_sub_,
)

from stepladder_trainer.optimizers.rule import Tensors, UpdateRule


class RMSProp(UpdateRule):
    """v = rho * v + (1 - rho) * g^2;  m = momentum * m + lr * g / sqrt(v + epsilon);  theta -= m.

    The playbook's: v starts at 1, which damps the first steps, and m remembers the rates of its own past.
    """

    memory: ClassVar = {"second": 1.0, "velocity": 0.0}

    def update(
        self, weights: Tensors, gradients: Tensors, memory: dict[str, Tensors], updates: int, rule: dict[str, Any]
    ) -> None:
        """Along the velocity of scaled gradients."""
        second, velocity = memory["second"], memory["velocity"]
        _foreach_mul_(second, rule["rho"])
        _foreach_addcmul_(second, gradients, gradients, 1 - rule["rho"])
        roots = _foreach_add(second, rule["epsilon"])
        _foreach_sqrt_(roots)
        _foreach_mul_(velocity, rule["momentum"])
        _foreach_addcdiv_(velocity, gradients, roots, rule["lr"])
        _foreach_sub_(weights, velocity)


class Adagrad(UpdateRule):
    """s = s + g^2;  theta -= lr * g / (sqrt(s) + epsilon) (Duchi, Hazan and Singer 2011, diagonal, figure 1)."""

    memory: ClassVar = {"squares": 0.0}

    def update(
        self, weights: Tensors, gradients: Tensors, memory: dict[str, Tensors], updates: int, rule: dict[str, Any]
    ) -> None:
        """Down the gradient, by less the more there has been of it."""
        _foreach_addcmul_(memory["squares"], gradients, gradients, 1.0)
        roots = _foreach_sqrt(memory["squares"])
        _foreach_add_(roots, rule["epsilon"])
        _foreach_addcdiv_(weights, gradients, roots, -rule["lr"])
