"""Some of the examples of a data set."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from stepladder_trainer.data.examples import Dataset, Examples
from stepladder_trainer.data.sampling import classes_of


def part_of(dataset: Dataset, indices: Tensor) -> Dataset:
    """The examples at `indices` (examples,), prepared like all of them."""
    if isinstance(dataset, Examples):
        return replace(dataset, inputs=dataset.inputs[indices], targets=dataset.targets[indices])
    return Part(dataset, indices)


class Part:
    """Some of the examples of a data set that reads them one by one."""

    def __init__(self, whole: Dataset, indices: Tensor) -> None:
        self._whole = whole
        self._indices = indices.tolist()
        self.prepare = getattr(whole, "prepare", None)
        classes = classes_of(whole)
        self.targets = None if classes is None else classes[indices]
        names: Sequence[str] = getattr(whole, "names", ())
        self.names = [names[index] for index in self._indices] if names else ()

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self._whole[self._indices[index]]
