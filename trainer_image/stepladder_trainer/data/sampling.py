"""Fixed parts of a set in which every class has its share: for splits, and for evaluations on fewer examples."""

import torch
from torch import Tensor

SEED = 0  # never the trial's: trials with other seeds must be measured on the same examples


def sample(examples: int, size: int, classes: Tensor | None = None, *, leave: int = 0) -> Tensor:
    """`size` of the indices below `examples`, ascending; the same for every trial.

    `classes`: of each example, whole numbers (examples,). Each class then has its share to within one example, by
    largest remainders. `leave`: how many of each class must stay outside, which can make the sample smaller.
    """
    shuffled = torch.randperm(examples, generator=torch.Generator().manual_seed(SEED))
    if classes is None or min(size, examples) == 0:
        return shuffled[: min(size, examples)].sort().values
    _, found, counts = torch.unique(classes.cpu(), return_inverse=True, return_counts=True)
    wanted = counts * min(size, examples) / examples
    taken = wanted.floor().long()
    missing = min(size, examples) - int(taken.sum())
    taken[(wanted - taken).argsort(descending=True, stable=True)[:missing]] += 1
    taken = torch.minimum(taken, (counts - leave).clamp(min=0))
    chosen = [shuffled[found[shuffled] == index][:count] for index, count in enumerate(taken.tolist())]
    return torch.cat(chosen).sort().values


def classes_of(dataset: object) -> Tensor | None:
    """The class of each example, if the data set says so without reading them all."""
    targets = getattr(dataset, "targets", None)
    if isinstance(targets, Tensor) and targets.ndim == 1 and not targets.is_floating_point():
        return targets
    return None
