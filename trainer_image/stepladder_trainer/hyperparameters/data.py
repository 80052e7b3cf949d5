"""Hyperparameters of the data: how much of it, and in which portions."""

from dataclasses import dataclass

from stepladder_trainer.hyperparameters.declaring import number, whole


@dataclass(frozen=True)
class DataHyperparameters:
    """Batches, over all devices together."""

    batch_size: int = whole(64, "examples of an update", low=1)
    data_fraction: float = number(1.0, "part of the training examples, for rounds on less data", above=0, high=1)
