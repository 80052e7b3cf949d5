"""The order of batches: pure functions of (seed, step), so that a resumed run needs no position."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.randomness import derive


class DataOrder:
    """Which examples make up the batch of a step: a pure function of (seed, step), so a resumed run needs no position.

    Every epoch is a new shuffle; batches are always full and may span two epochs, so each example is seen equally
    often.
    """

    def __init__(self, examples: int, batch_size: int, seed: int) -> None:
        if batch_size > examples:
            raise ConfigurationError(
                f"batch_size {batch_size} is more than the {examples} training examples: set it to {examples} or less"
            )
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self._epoch = lru_cache(maxsize=2)(self._shuffled)

    def _shuffled(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive(self.seed, "data", epoch))
        return torch.randperm(self.examples, generator=generator)

    def batch(self, step: int) -> Tensor:
        """Indices (batch_size,) of the examples of update `step`, the first being 1."""
        epoch, start = divmod((step - 1) * self.batch_size, self.examples)
        indices = self._epoch(epoch)[start : start + self.batch_size]
        missing = self.batch_size - len(indices)
        return torch.cat([indices, self._epoch(epoch + 1)[:missing]]) if missing else indices


class GrowingData:
    """The batches of a run whose training data grows from rung to rung, again a pure function of (seed, step).

    Up to step `last` of a pair of `fractions` they come from the leading part of one shuffle, of which every epoch is
    a shuffle of its own; after the last pair from all of it. `whole`: the part of the examples that is all of them.
    Of `world` processes that train together each has its own, contiguous share of the same batches.
    """

    def __init__(
        self,
        examples: int,
        batch_size: int,
        seed: int,
        fractions: Sequence[tuple[int, float]] = (),
        whole: float = 1.0,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._share = share_of(batch_size, rank, world)
        order = torch.randperm(examples, generator=torch.Generator().manual_seed(derive(seed, "data")))
        self._order = order if fractions or whole < 1 else torch.arange(examples)
        # A part that is smaller than a batch would have none.
        self._sizes = [max(batch_size, round(whole * fraction * examples)) for _, fraction in fractions]
        self._sizes.append(max(batch_size, round(whole * examples)))
        self._lasts = [last for last, _ in fractions]
        self._parts = [DataOrder(min(size, examples), batch_size, seed) for size in self._sizes]

    def batch(self, step: int) -> Tensor:
        """Indices (batch_size / world,) of this process's examples of update `step`, the first being 1."""
        part = bisect_left(self._lasts, step)
        before = self._lasts[part - 1] if part else 0
        return self._order[self._parts[part].batch(step - before)[self._share]]


def share_of(batch_size: int, rank: int, world: int) -> slice:
    """Which examples of a batch process `rank` of `world` takes. Shares are equal, since gradients are averaged over
    processes. Raises ConfigurationError where they cannot be."""
    if batch_size % world:
        raise ConfigurationError(
            f"batch_size {batch_size} is no multiple of the {world} processes that share it: "
            f"use {max(1, batch_size // world) * world}"
        )
    size = batch_size // world
    return slice(rank * size, (rank + 1) * size)
