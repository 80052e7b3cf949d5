"""Dropout that can be resumed, and what else is drawn in a forward pass."""

from typing import Any

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Dropout that draws from its own generator, reseeded at every step, so that a resumed run drops the same units."""

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        super().__init__()
        self.rate = rate
        self.generator = generator

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, ...) -> same shape: `inputs` / (1 - rate) where kept, else 0; unchanged in evaluation."""
        if not self.training or self.rate == 0:
            return inputs
        kept = torch.rand(inputs.shape, **drawn_from(self.generator), device=inputs.device) >= self.rate
        return inputs * kept / (1 - self.rate)


def drawn_from(generator: torch.Generator) -> dict[str, Any]:
    """The argument that draws from this generator, or in a compiled graph, which can hold none, nothing: the global one
    is seeded alike (`Acceleration.seeded`)."""
    return {} if torch.compiler.is_compiling() else {"generator": generator}
