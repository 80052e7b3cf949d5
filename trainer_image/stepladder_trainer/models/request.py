"""What a family of models is asked for."""

from dataclasses import dataclass

import torch

from stepladder_trainer.hyperparameters import Hyperparameters
from stepladder_trainer.models.shape import Shape


@dataclass(frozen=True)
class Request:
    """`point.model` says which member of the family. Dropout draws from `dropout`, and from nothing else."""

    shape: Shape
    point: Hyperparameters
    dropout: torch.Generator
