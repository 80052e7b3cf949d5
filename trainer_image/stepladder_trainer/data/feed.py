"""How batches reach the device: by index from examples that lie there, or through a loader."""

from itertools import count
from types import TracebackType
from typing import Protocol, Self

import torch

from stepladder_trainer.data.examples import Batch, Dataset, Examples
from stepladder_trainer.data.loader import default_workers, explained, stream
from stepladder_trainer.data.order import GrowingData

RESIDENT_SHARE = 0.25  # of the GPU's free memory: the rest is for the model and its activations


class Feed(Protocol):
    """Batches by step; the same batch for the same step, whichever process asks.

    A context manager: leaving the block ends what reads ahead, and makes a sentence of a reader's death.
    """

    def batch(self, step: int) -> Batch:
        """The batch of update `step`, the first being 1. Steps are mostly asked for in ascending order."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Resident:
    """All examples lie on the device, and a batch is an index into them."""

    def __init__(self, examples: Examples, order: GrowingData) -> None:
        self._examples = examples
        self._order = order

    def batch(self, step: int) -> Batch:
        """The batch of update `step`."""
        return self._examples.at(self._order.batch(step))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """There is nothing to end."""


class Loaded:
    """Batches that `workers` processes read ahead, starting at whichever step is asked for first."""

    def __init__(self, dataset: Dataset, order: GrowingData, device: torch.device, workers: int) -> None:
        self._dataset = dataset
        self._order = order
        self._device = device
        self._workers = workers
        self._next = 0
        self._stream = stream(dataset, (), device, workers=0)

    def batch(self, step: int) -> Batch:
        """The batch of update `step`. Asking for another than the next starts the workers anew."""
        if step != self._next:
            self.close()
            chosen = (self._order.batch(later) for later in count(step))
            self._stream = stream(self._dataset, chosen, self._device, workers=self._workers)
        self._next = step + 1
        return next(self._stream)

    def close(self) -> None:
        """End the workers."""
        self._next = 0
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        # PyTorch tells of a dead worker by a signal, so that the error can appear anywhere in the training loop.
        if isinstance(error, RuntimeError) and (told := explained(error)) is not error:
            raise told from error


def feed_of(dataset: Dataset, order: GrowingData, device: torch.device, *, workers: int | None = None) -> Feed:
    """The way to bring batches of `dataset` in `order` to `device`, by a loader of `workers` where there is no room."""
    if isinstance(dataset, Examples) and fits(dataset, device):
        return Resident(dataset.to(device), order)
    return Loaded(dataset, order, device, workers_for(dataset, workers))


def workers_for(dataset: Dataset, wanted: int | None) -> int:
    """How many processes read examples, if it is not said: none of what is in memory, else the spare CPUs."""
    if wanted is None:
        return 0 if isinstance(dataset, Examples) else default_workers()
    return wanted


def fits(examples: Examples, device: torch.device) -> bool:
    """Whether all of the examples may lie on `device`."""
    if device.type != "cuda" or examples.inputs.is_cuda:
        return True
    return examples.bytes <= RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]
