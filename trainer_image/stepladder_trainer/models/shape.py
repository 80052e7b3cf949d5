"""What a task asks of a model."""

from dataclasses import dataclass

from stepladder_trainer.outcomes import ConfigurationError


@dataclass(frozen=True)
class Shape:
    """The shape of one example, and how many outputs.

    With a `vocabulary` the example is (length,) of token indices below it, and there are outputs at each position:
    (batch, length) -> (batch, length, outputs).
    """

    example: tuple[int, ...]
    outputs: int
    vocabulary: int = 0

    def image(self, model: str) -> tuple[int, int, int]:
        """(channels, height, width). Raises ConfigurationError where examples are no images, naming the `model` that
        needs some."""
        if self.vocabulary or len(self.example) != 3:
            raise ConfigurationError(
                f"model {model} needs images, and this task's examples have shape {self.example}: "
                f"try {'transformer' if self.vocabulary else 'mlp'}"
            )
        channels, height, width = self.example
        return channels, height, width
