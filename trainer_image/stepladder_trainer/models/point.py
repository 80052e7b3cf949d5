"""A model that is a position and looks at no input: for the synthetic tasks."""

import torch
from torch import Tensor, nn

from stepladder_trainer.models.request import Request


class Point(nn.Module):
    """A position in `dimensions`, which begins near (1, ..., 1): off by `spread` times a standard normal number."""

    def __init__(self, dimensions: int, spread: float) -> None:
        super().__init__()
        self.spread = spread
        self.weight = nn.Parameter(torch.empty(dimensions))

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, ...) -> (batch, dimensions): the position, for every example."""
        return self.weight.expand(len(inputs), -1)

    def initialise(self, generator: torch.Generator) -> None:
        """Near (1, ..., 1)."""
        self.weight.copy_(1 + self.spread * torch.randn(self.weight.shape, generator=generator))


def point(request: Request) -> nn.Module:
    """A position with as many dimensions as the task has outputs."""
    return Point(request.shape.outputs, spread=0.5)


def corner(request: Request) -> nn.Module:
    """A position that begins at (1, ..., 1) whatever the seed."""
    return Point(request.shape.outputs, spread=0.0)
