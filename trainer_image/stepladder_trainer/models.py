"""Model families, each indexed by its hyperparameters, with every random number drawn from the trial's seed."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stepladder_trainer.hyperparameters import Hyperparameters
from stepladder_trainer.outcomes import ConfigurationError


@dataclass(frozen=True)
class Shape:
    """What a task asks of a model: the shape of one example, and how many outputs."""

    example: tuple[int, ...]
    outputs: int


class Dropout(nn.Module):
    """Dropout that draws from its own generator, reseeded at every step, so that a resumed run drops the same units."""

    def __init__(self, rate: float, generator: torch.Generator) -> None:
        super().__init__()
        self.rate = rate
        self.generator = generator

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, ...) -> same shape: `inputs` / (1 - rate) where kept, else 0; unchanged in evaluation."""
        if not self.training or self.rate == 0:
            return inputs
        kept = torch.rand(inputs.shape, generator=self.generator, device=inputs.device) >= self.rate
        return inputs * kept / (1 - self.rate)


class Point(nn.Module):
    """A model that is a position and looks at no input: for the synthetic tasks."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dimensions))

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, ...) -> (batch, dimensions): the position, for every example."""
        return self.weight.expand(len(inputs), -1)


def build(
    shape: Shape, point: Hyperparameters, *, initialisation: torch.Generator, dropout: torch.Generator
) -> nn.Module:
    """The model that `point` names, initialised. `dropout` is the generator that its dropout draws from."""
    layers: list[nn.Module]
    if point.model == "point":
        layers = [Point(shape.outputs)]
    elif point.model == "cnn":
        layers = _cnn(shape, point, dropout)
    else:
        layers = _mlp(shape, point, dropout)
    model = nn.Sequential(*layers)
    initialise(model, initialisation)
    return model


def _mlp(shape: Shape, point: Hyperparameters, generator: torch.Generator) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Flatten()]
    features = torch.Size(shape.example).numel()
    for _ in range(point.layers):
        layers += [nn.Linear(features, point.width), nn.ReLU(), Dropout(point.dropout, generator)]
        features = point.width
    return [*layers, nn.Linear(features, shape.outputs)]


def _cnn(shape: Shape, point: Hyperparameters, generator: torch.Generator) -> list[nn.Module]:
    if len(shape.example) != 3:
        raise ConfigurationError(
            f"model cnn needs images, and this task's examples have shape {shape.example}: try mlp"
        )
    channels, height, width = shape.example
    layers: list[nn.Module] = []
    for depth in range(point.layers):
        layers += [nn.Conv2d(channels, point.width, kernel_size=3, padding=1), nn.ReLU()]
        channels = point.width
        if depth < 2:  # 8x8 images have room for two
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    return [
        *layers,
        nn.Flatten(),
        Dropout(point.dropout, generator),
        nn.Linear(channels * height * width, shape.outputs),
    ]


@torch.no_grad()
def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """He-normal weights (He et al. 2015) before a ReLU, variance 1 / fan-in at the output, zero biases."""
    weighted = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    for module in weighted:
        last = module is weighted[-1]
        nn.init.kaiming_normal_(module.weight, nonlinearity="linear" if last else "relu", generator=generator)
        if module.bias is not None:
            module.bias.zero_()
    for position in (module for module in model.modules() if isinstance(module, Point)):
        position.weight.copy_(1 + 0.5 * torch.randn(position.weight.shape, generator=generator))
