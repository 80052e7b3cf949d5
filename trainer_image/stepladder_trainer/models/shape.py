"""What a task asks of a model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """The shape of one example, and how many outputs.

    With a `vocabulary` the example is (length,) of token indices below it, and there are outputs at each position:
    (batch, length) -> (batch, length, outputs).
    """

    example: tuple[int, ...]
    outputs: int
    vocabulary: int = 0
