"""Hyperparameters of the data: how much of it, in which portions, and what is done to them."""

from dataclasses import dataclass

from stepladder_trainer import catalog
from stepladder_trainer.hyperparameters.declaring import combination, number, whole


@dataclass(frozen=True)
class DataHyperparameters:
    """Batches, over all devices together."""

    batch_size: int = whole(64, "examples of an update; the default gives way to a smaller set", low=1)
    data_fraction: float = number(1.0, "part of the training examples, for rounds on less data", above=0, high=1)
    augmentation: str = combination(catalog.AUGMENTATIONS, "changes to training batches, as flip+shift")
    augmentation_strength: float = number(1.0, "1 is what each has in its paper", low=0, high=1)
