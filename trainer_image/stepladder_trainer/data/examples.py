"""Examples: what a data set is to the trainer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Batch(NamedTuple):
    """Inputs (batch, ...) and targets (batch, ...), on the training device."""

    inputs: Tensor
    targets: Tensor


class Dataset(Protocol):
    """A map from an index to an example, as PyTorch's: `Examples`, or anything with these two methods."""

    def __len__(self) -> int:
        """How many examples."""

    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]:
        """(input, target) of one example, both tensors."""


@dataclass(frozen=True)
class Examples:
    """Inputs (examples, ...) and targets (examples, ...), in memory."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index], self.targets[index]

    def to(self, device: torch.device) -> "Examples":
        """The same examples on `device`."""
        return Examples(self.inputs.to(device), self.targets.to(device))

    def at(self, indices: Tensor | Sequence[int] | slice) -> Batch:
        """The examples at `indices` (batch,)."""
        return Batch(self.inputs[indices], self.targets[indices])
