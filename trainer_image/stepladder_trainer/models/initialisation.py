"""Initial weights, drawn from the trial's seed: PyTorch's own draw from a global generator as modules are made."""

from typing import Protocol, runtime_checkable

import torch
from torch import nn


@runtime_checkable
class Initialised(Protocol):
    """A module that knows its own start; its inner modules are then left to it."""

    def initialise(self, generator: torch.Generator) -> None:
        """Set all weights, in place, from `generator`."""


@torch.no_grad()
def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """He-normal weights (He et al. 2015) before a ReLU, variance 1 / fan-in at the output, zero biases."""
    weighted = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    for module in weighted:
        last = module is weighted[-1]
        nn.init.kaiming_normal_(module.weight, nonlinearity="linear" if last else "relu", generator=generator)
        if module.bias is not None:
            module.bias.zero_()
    for own in model.modules():
        if isinstance(own, Initialised):
            own.initialise(generator)
