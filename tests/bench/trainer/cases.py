"""What is trained: small models, on which what happens beside PyTorch's own work shows."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from stepladder_trainer import hyperparameters
from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters import Hyperparameters

COUNT = 2
WORDS = ("the", "of", "and", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are", "as", "with")


@dataclass(frozen=True)
class Case:
    """A task, a model, and how many steps a round of the race has."""

    name: str
    task: str
    parameters: dict[str, Scalar]
    steps: int
    data: str | None = None

    @property
    def point(self) -> Hyperparameters:
        """The configuration."""
        return hyperparameters.read(self.parameters, {})


def cases(folder: Path, *, large: bool) -> tuple[Case, ...]:
    """The digits CNN and the Transformer; `large`: a ResNet and a Transformer that a GPU has work with."""
    text = folder / "text.txt"
    text.write_text(" ".join(Random(0).choices(WORDS, k=50_000)))
    if large:
        resnet: dict[str, Scalar] = {"model": "resnet", "width": 128, "layers": 4, "batch_size": 512}
        transformer: dict[str, Scalar] = {"model": "transformer", "width": 512, "layers": 8, "batch_size": 64}
        return (
            Case("ResNet on digits", "digits", resnet, 300),
            Case("Transformer on text", "text", transformer, 300, str(text)),
        )
    return (  # as they are if nothing is said
        Case("CNN on digits", "digits", {"model": "cnn"}, 500),
        Case("Transformer on text", "text", {"model": "transformer"}, 200, str(text)),
    )
