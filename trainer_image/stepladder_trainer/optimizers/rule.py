"""What an optimizer is here: a rule that tells the direction of a step."""

import inspect
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

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
