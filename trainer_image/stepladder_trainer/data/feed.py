"""How batches reach the device: by index from examples that lie there, or through a loader."""

from typing import Protocol

import torch

from stepladder_trainer.data.examples import Batch, Dataset, Examples
from stepladder_trainer.data.order import GrowingData


class Feed(Protocol):
    """Batches by step; the same batch for the same step, whichever process asks."""

    def batch(self, step: int) -> Batch:
        """The batch of update `step`, the first being 1. Steps are mostly asked for in ascending order."""


class Resident:
    """All examples lie on the device, and a batch is an index into them."""

    def __init__(self, examples: Examples, order: GrowingData) -> None:
        self._examples = examples
        self._order = order

    def batch(self, step: int) -> Batch:
        """The batch of update `step`."""
        return self._examples.at(self._order.batch(step))


def feed_of(dataset: Dataset, order: GrowingData, device: torch.device) -> Feed:
    """The way to bring batches of `dataset` in `order` to `device`."""
    if not isinstance(dataset, Examples):
        raise NotImplementedError("a loader")
    return Resident(dataset.to(device), order)
