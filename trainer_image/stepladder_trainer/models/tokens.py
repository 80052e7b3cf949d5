"""Examples as sequences of tokens (batch, tokens, width): what a transformer reads."""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stepladder_trainer.models.initialisation import fan_in
from stepladder_trainer.models.request import Request
from stepladder_trainer.outcomes import ConfigurationError

LARGEST_PATCH = 16


class Words(nn.Embedding):
    """Indices (batch, length) -> a learned vector for each."""

    def initialise(self, generator: torch.Generator) -> None:
        """Variance 1 / width, so that logits by the same weights begin with variance 1."""
        _vectors(self.weight, generator)


class Features(nn.Module):
    """Numbers (batch, features) -> a token for each, its value times a learned vector (Gorishniy et al. 2021, section
    3.3, whose bias is the position here)."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, width))

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, features) -> (batch, features, width)."""
        return inputs[..., None] * self.weight

    def initialise(self, generator: torch.Generator) -> None:
        """Variance 1 / width."""
        _vectors(self.weight, generator)


class Rows(nn.Linear):
    """Rows (batch, length, features) -> a token for each."""

    def initialise(self, generator: torch.Generator) -> None:
        """Variance 1 / fan-in."""
        fan_in(self.weight, generator)
        self.bias.zero_()


class Patches(nn.Conv2d):
    """Images (batch, channels, height, width) -> a token for each square patch (Dosovitskiy et al. 2021), with zeros to
    the right and below where patches do not fill the image."""

    def __init__(self, channels: int, size: int, width: int) -> None:
        super().__init__(channels, width, kernel_size=size, stride=size)
        self.size = size

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, channels, height, width) -> (batch, patches, width of a token)."""
        bottom, right = (-side % self.size for side in inputs.shape[2:])
        return super().forward(functional.pad(inputs, (0, right, 0, bottom))).flatten(2).transpose(1, 2)

    def initialise(self, generator: torch.Generator) -> None:
        """Variance 1 / fan-in."""
        fan_in(self.weight, generator)
        cast("Tensor", self.bias).zero_()


def tokens(request: Request) -> tuple[nn.Module, int]:
    """What turns examples into tokens, and how many. Raises ConfigurationError for an example of more than three
    dimensions, or a patch that is larger than the image."""
    shape, wanted = request.shape, request.point.model
    if shape.vocabulary:
        return Words(shape.vocabulary, wanted.width), shape.example[0]
    match shape.example:
        case (features,):
            return Features(features, wanted.width), features
        case (length, features):
            return Rows(features, wanted.width), length
        case (channels, height, width):
            size = wanted.patch_size or max(1, min(min(height, width) // 4, LARGEST_PATCH))
            if size > min(height, width):
                raise ConfigurationError(f"patch_size {size} is more than the {height}x{width} pixels: lower it")
            return Patches(channels, size, wanted.width), math.ceil(height / size) * math.ceil(width / size)
    raise ConfigurationError(
        f"model transformer reads features, rows and images, and this task's examples have shape {shape.example}"
    )


def _vectors(weight: Tensor, generator: torch.Generator) -> None:
    weight.normal_(std=weight.shape[1] ** -0.5, generator=generator)
