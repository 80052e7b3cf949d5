"""Hyperparameters of the model: which family, and which of its members."""

from dataclasses import dataclass

from stepladder_trainer.hyperparameters.declaring import number, text, whole


@dataclass(frozen=True)
class ModelHyperparameters:
    """A family of models is indexed by these; each uses those that mean something to it."""

    name: str = text("mlp", "the family; the task's first by default", known_as="model")
    width: int = whole(64, "units of a hidden layer, channels of a convolution", low=1)
    layers: int = whole(2, "hidden layers, convolutions", low=0)
    dropout: float = number(0.0, "part of the units that a training step drops", low=0, below=1)
