"""Splits that belong to a task: trials with other seeds must be measured on the same examples."""

import torch
from torch import Tensor

from stepladder_trainer.data.examples import Examples
from stepladder_trainer.data.sampling import sample

SPLIT_SEED = 0


def split(inputs: Tensor, targets: Tensor, *, validation: float = 0.2) -> tuple[Examples, Examples]:
    """(training, validation): a fixed shuffle, the same for every trial."""
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(SPLIT_SEED))
    held_out = int(len(inputs) * validation)
    chosen, rest = order[:held_out], order[held_out:]
    return Examples(inputs[rest], targets[rest]), Examples(inputs[chosen], targets[chosen])


def parts(classes: Tensor | None, examples: int, validation: float, test: float) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of (training, validation, test): fixed, each class with its share in each, and at least one example of
    each class in training."""
    held_out = sample(examples, round(examples * (validation + test)), classes, leave=1)
    share = test / (validation + test) if test else 0.0
    among = sample(len(held_out), round(len(held_out) * share), None if classes is None else classes[held_out])
    in_test = torch.zeros(len(held_out), dtype=torch.bool)
    in_test[among] = True
    rest = torch.ones(examples, dtype=torch.bool)
    rest[held_out] = False
    return rest.nonzero().squeeze(1), held_out[~in_test], held_out[in_test]
