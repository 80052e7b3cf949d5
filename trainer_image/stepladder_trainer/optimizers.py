"""Optimizers with the update rules of the Deep Learning Tuning Playbook ("Which optimizer update rules...", its
appendix).

Where PyTorch's rule differs: Adam's epsilon here is added to the square root before the bias correction, not after it,
and NAdam has no momentum-decay schedule. Weight decay is an L2 term in the gradient for every rule.
"""

import inspect
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from stepladder_trainer.hyperparameters import Hyperparameters

Parameters = Iterable[Tensor]


class UpdateRule(Optimizer):
    """An optimizer that is fully told by one function: the direction of the step for one tensor."""

    # PyTorch wraps these in a decorator that imports its compiler (a second of start-up) to keep it away from them;
    # the originals do the same work.
    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)

    def __init__(self, parameters: Parameters, *, learning_rate: float, weight_decay: float = 0, **rule: float) -> None:
        super().__init__(parameters, {"lr": learning_rate, "weight_decay": weight_decay, **rule})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no rule here evaluates the loss again
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient = parameter.grad
                if group["weight_decay"]:
                    gradient = gradient.add(parameter, alpha=group["weight_decay"])
                parameter.sub_(self.direction(gradient, self.state[parameter], group), alpha=group["lr"])

    @abstractmethod
    def direction(self, gradient: Tensor, state: dict[str, Any], rule: dict[str, Any]) -> Tensor:
        """What is subtracted, times the learning rate. `state` is this tensor's own, empty at its first step."""


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


def _velocity(gradient: Tensor, state: dict[str, Any], momentum: float) -> Tensor:
    velocity: Tensor = state.setdefault("velocity", torch.zeros_like(gradient))
    return velocity.mul_(momentum).add_(gradient)


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


RULES: dict[str, tuple[type[UpdateRule], tuple[str, ...]]] = {
    "sgd": (SGD, ()),
    "momentum": (Momentum, ("momentum",)),
    "nesterov": (Nesterov, ("momentum",)),
    "adam": (Adam, ("beta1", "beta2", "epsilon")),
    "nadam": (NAdam, ("beta1", "beta2", "epsilon")),
}


def build(parameters: Parameters, point: Hyperparameters) -> UpdateRule:
    """The optimizer that `point` names, with the hyperparameters that are its own."""
    rule, own = RULES[point.optimizer]
    settings = {name: getattr(point, name) for name in own}
    return rule(parameters, learning_rate=point.learning_rate, weight_decay=point.weight_decay, **settings)
