"""The training data of a trial, from its hyperparameters and seeds to batches on the device."""

from collections.abc import Sequence

import torch

from stepladder_trainer.data.augmentation import Augmented, augmentation_for
from stepladder_trainer.data.examples import Dataset
from stepladder_trainer.data.feed import Feed, feed_of
from stepladder_trainer.data.order import GrowingData, share_of
from stepladder_trainer.hyperparameters import DataHyperparameters
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.seeds import Seeds


def epoch_of(wanted: DataHyperparameters, examples: int) -> float:
    """Steps in which each of the examples that are trained on is seen once, of a data set of `examples`."""
    return max(1.0, wanted.data_fraction * examples / wanted.batch_size)


def training_feed(
    dataset: Dataset, shape: Shape, wanted: DataHyperparameters, seeds: Seeds, device: torch.device, *,
    fractions: Sequence[tuple[int, float]] = (), workers: int | None = None, rank: int = 0, world: int = 1,
) -> Feed:  # fmt: skip
    """Batches of `wanted.batch_size` over all `world` processes together, of which this is `rank`.

    Raises ConfigurationError if there are fewer examples than a batch has, or these hyperparameters do not fit them.
    """
    augmentation = augmentation_for(shape, wanted.augmentation, wanted.augmentation_strength)
    if augmentation is not None and augmentation.moves and dataset[0][1].ndim > 1:
        raise ConfigurationError(
            f"augmentation {wanted.augmentation} moves the input and not the image that is to be made of it: "
            "use noise or cutout"
        )
    order = GrowingData(
        len(dataset), wanted.batch_size, seeds.data, fractions, wanted.data_fraction, rank=rank, world=world
    )
    feed = feed_of(dataset, order, device, workers=workers)
    if augmentation is None:
        return feed
    share = share_of(wanted.batch_size, rank, world)
    return Augmented(feed, augmentation, seeds.augmentation, device, share, wanted.batch_size)
