"""Splits and units that belong to a task: trials with other seeds must be measured on the same examples."""

import torch
from torch import Tensor

from stepladder_trainer.data.examples import Examples

SPLIT_SEED = 0


def split(inputs: Tensor, targets: Tensor, *, validation: float = 0.2) -> tuple[Examples, Examples]:
    """(training, validation): a fixed shuffle, the same for every trial."""
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(SPLIT_SEED))
    held_out = int(len(inputs) * validation)
    chosen, rest = order[:held_out], order[held_out:]
    return Examples(inputs[rest], targets[rest]), Examples(inputs[chosen], targets[chosen])


def standardised(training: Tensor, validation: Tensor, *, per_feature: bool) -> tuple[Tensor, Tensor]:
    """Both in units of the training set's mean and standard deviation, float32."""
    mean, deviation = (training.mean(0), training.std(0)) if per_feature else (training.mean(), training.std())
    return ((training - mean) / deviation).float(), ((validation - mean) / deviation).float()
