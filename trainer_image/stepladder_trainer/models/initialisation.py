"""Initial weights, drawn from the trial's seed: PyTorch's own draw from a global generator as modules are made."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@runtime_checkable
class Initialised(Protocol):
    """A module that knows its own start; its inner modules are then left to it."""

    def initialise(self, generator: torch.Generator) -> None:
        """Set all weights, in place, from `generator`."""


class Output(nn.Linear):
    """A linear layer that no ReLU follows: weights of variance 1 / fan-in, zero biases."""

    def initialise(self, generator: torch.Generator) -> None:
        """As the class says."""
        fan_in(self.weight, generator)
        if self.bias is not None:
            self.bias.zero_()


@torch.no_grad()
def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """He-normal weights (He et al. 2015) and zero biases, but for modules that know their own start."""
    if isinstance(model, Initialised):
        model.initialise(generator)
        return
    if isinstance(model, nn.Linear | nn.Conv2d):
        nn.init.kaiming_normal_(model.weight, nonlinearity="relu", generator=generator)
        if model.bias is not None:
            model.bias.zero_()
    for inner in model.children():
        initialise(inner, generator)


def fan_in(weight: Tensor, generator: torch.Generator) -> None:
    """Normal weights (outputs, inputs, ...) of variance 1 / fan-in."""
    nn.init.kaiming_normal_(weight, nonlinearity="linear", generator=generator)


def zero(layer: nn.Module) -> None:
    """All parameters of a layer to 0."""
    for parameter in layer.parameters():
        parameter.zero_()
