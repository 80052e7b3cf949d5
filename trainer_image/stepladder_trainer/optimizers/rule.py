"""What an optimizer is here: a rule that moves many tensors at once."""

import inspect
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, _foreach_add, _foreach_mul_, _foreach_sign
from torch.optim import Optimizer

Parameters = Iterable[Tensor] | Sequence[dict[str, Any]]
Tensors = list[Tensor]


class QuickStart:
    """PyTorch wraps these in a decorator that imports its compiler (a second of start-up) to keep it away from them;
    the originals do the same work."""

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)


class UpdateRule(QuickStart, Optimizer):
    """An optimizer that is told by what it keeps of each tensor, and by one function that moves many of them.

    Before it come the penalties: `l1` * sum |w| and `l2` * sum w^2 in the loss, and `weight_decay`, which is
    `weight_decay` * w in the gradient or, if `decoupled`, w *= 1 - lr * weight_decay (Loshchilov and Hutter 2019, in
    PyTorch's scaling).
    """

    memory: ClassVar[Mapping[str, float]] = {}
    """What is kept of a tensor, in its shape, with the value it starts from."""

    def __init__(
        self,
        parameters: Parameters,
        *,
        learning_rate: float,
        weight_decay: float = 0,
        decoupled: bool = False,
        l1: float = 0,
        l2: float = 0,
        **rule: float,
    ) -> None:
        penalties = {"weight_decay": weight_decay, "decoupled": decoupled, "l1": l1, "l2": l2}
        super().__init__(parameters, {"lr": learning_rate, **penalties, **rule})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what a rule of this kind has kept. Raises ValueError if it was another one, which would go on with
        a memory that means something else, or none."""
        kept = {*self.memory, "step"}
        for found in state_dict["state"].values():
            if found and set(found) != kept:
                raise ValueError(f"the optimizer that was saved kept {_listed(found)}, this one {_listed(kept)}")
        super().load_state_dict(state_dict)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no rule here evaluates the loss again
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for updates, weights in self._alike(group["params"]):
                memory = {name: [self.state[weight][name] for weight in weights] for name in self.memory}
                self.update(weights, _penalised(weights, group), memory, updates, group)

    @abstractmethod
    def update(
        self, weights: Tensors, gradients: Tensors, memory: dict[str, Tensors], updates: int, rule: dict[str, Any]
    ) -> None:
        """Move `weights`, all on one device, in place. `updates` counts theirs, this one included. `gradients` may be
        those of the weights themselves: they are not to be changed."""

    def _alike(self, parameters: Tensors) -> Iterator[tuple[int, Tensors]]:
        """(updates, tensors) for tensors on one device, of one type, that have seen as many updates: one after
        another, that is all of them. Counts this update."""
        alike: dict[tuple[torch.device, torch.dtype, int], Tensors] = {}
        for weight in parameters:
            if weight.grad is not None:
                state = self.state[weight]
                if not state:
                    state.update({name: torch.full_like(weight, start) for name, start in self.memory.items()}, step=0)
                state["step"] += 1
                alike.setdefault((weight.device, weight.dtype, state["step"]), []).append(weight)
        for (_, _, updates), weights in alike.items():
            yield updates, weights


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _penalised(weights: Tensors, rule: dict[str, Any]) -> Tensors:
    """The gradients with the penalties' own; after that decoupled weight decay shrinks the weights, here and now."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    in_gradient = 2 * rule["l2"]
    if not rule["decoupled"]:
        in_gradient += rule["weight_decay"]
    if in_gradient:
        gradients = list(_foreach_add(gradients, weights, alpha=in_gradient))
    if rule["l1"]:
        gradients = list(_foreach_add(gradients, _foreach_sign(weights), alpha=rule["l1"]))
    if rule["decoupled"] and rule["weight_decay"]:
        _foreach_mul_(weights, 1 - rule["lr"] * rule["weight_decay"])
    return gradients
