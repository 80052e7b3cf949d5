"""The units in which people write what a model reads, and read what it answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor


@dataclass(frozen=True)
class Standard:
    """Numbers in units of a set's mean and standard deviation."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, training: Tensor, *, per_feature: bool) -> Self:
        """Those of a training set (examples, ...): of each feature, or of all numbers together."""
        of_each = (0,) if per_feature else ()
        return cls(training.mean(*of_each), training.std(*of_each))

    def scaled(self, raw: Tensor) -> Tensor:
        """Numbers as they were measured -> float32 in these units."""
        return ((raw - self.mean) / self.deviation).float()

    def raw(self, scaled: Tensor) -> Tensor:
        """The way back, float64."""
        return scaled.double() * self.deviation + self.mean


@dataclass(frozen=True)
class Units:
    """What a served model is asked in, and answers in. Where nothing is said: the data set's own numbers.

    `scaled(raw)`: examples (batch, ...) as they were measured, float64 -> as the data set holds them.
    `records(rows)`: the same from rows by the names of their columns.
    `written(text)`: one example from a text: a passage, or an image file in base64. Raises ValueError.
    `raw(outputs)`: a regression's outputs (batch, outputs) -> in the units of its targets.
    `tokens`: of language, what each output stands for. `example`: one input as people write it.
    """

    scaled: Callable[[Tensor], Tensor] | None = None
    records: Callable[[Sequence[Mapping[str, Any]]], Tensor] | None = None
    written: Callable[[str], Tensor] | None = None
    raw: Callable[[Tensor], Tensor] | None = None
    tokens: Sequence[str] = ()
    example: Any = None
