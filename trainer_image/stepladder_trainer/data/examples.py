"""Examples: what a data set is to the trainer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

Prepare = Callable[[Tensor], Tensor]
"""What is done to inputs (batch, ...) on the device, where it is cheaper than before the transfer: bytes of pixels
become normalised floats. A pure function of each input alone."""


class Batch(NamedTuple):
    """Inputs (batch, ...) and targets (batch, ...), on the training device."""

    inputs: Tensor
    targets: Tensor


class Dataset(Protocol):
    """A map from an index to an example, as PyTorch's: `Examples`, or anything with these two methods.

    What an index holds must never change: no randomness here, since batches are augmented later. A data set may have
    more: `prepare`; `targets`, the classes of all examples (examples,), which spares reading them one by one; and
    `names`, what people call each example.
    """

    def __len__(self) -> int:
        """How many examples."""

    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]:
        """(input, target) of one example, both tensors on the CPU."""


@dataclass(frozen=True)
class Examples:
    """Inputs (examples, ...) and targets (examples, ...), in memory."""

    inputs: Tensor
    targets: Tensor
    prepare: Prepare | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index], self.targets[index]

    @property
    def bytes(self) -> int:
        """The memory that they take."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.inputs, self.targets))

    def to(self, device: torch.device) -> "Examples":
        """The same examples on `device`."""
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))

    def at(self, indices: Tensor | Sequence[int] | slice) -> Batch:
        """The examples at `indices` (batch,), prepared."""
        if isinstance(indices, Tensor):  # indexing by a tensor on the CPU would wait for the GPU
            indices = indices.to(self.inputs.device, non_blocking=True)
        return prepared(self, Batch(self.inputs[indices], self.targets[indices]))


def prepared(dataset: Dataset, batch: Batch) -> Batch:
    """`batch`, whose tensors are on the device, as models are to see it."""
    prepare: Prepare | None = getattr(dataset, "prepare", None)
    return batch if prepare is None else Batch(prepare(batch.inputs), batch.targets)
