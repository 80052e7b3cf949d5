"""Seeds for initialisation, data order, augmentation and dropout, apart: one can be held while another changes."""

from dataclasses import dataclass, field
from functools import cache
from typing import Final

from stepladder_trainer.hyperparameters import SeedHyperparameters
from stepladder_trainer.randomness import derive

GOLDEN: Final = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio; odd, so that the low 32 bits of 2^32 steps all differ


@dataclass(frozen=True)
class Seeds:
    """Derived from the trial's seed, each for its purpose, or from the one that is `held` for it."""

    trial: int
    held: SeedHyperparameters = field(default_factory=SeedHyperparameters)

    @property
    def initialisation(self) -> int:
        """Of the initial weights."""
        return derive(_first(self.held.initialisation, self.trial), "initialisation")

    @property
    def data(self) -> int:
        """Of the order of examples, which derives one for each epoch."""
        return _first(self.held.data, self.trial)

    def augmentation(self, step: int) -> int:
        """Of what is done to the batch of a step."""
        return derive(_first(self.held.augmentation, self.trial), "augmentation", step)

    def dropout(self, step: int, rank: int = 0) -> int:
        """Of the units that process `rank` drops in a step: golden strides (Weyl's sequence) from one that is derived,
        since a hash at every step of a small model can be seen in its speed."""
        return (_start(self.trial, "dropout", rank) + step * GOLDEN) % 2**63


@cache
def _start(trial: int, purpose: str, rank: int) -> int:
    return derive(trial, purpose, rank)


def _first(held: int | None, trial: int) -> int:
    return trial if held is None else held
