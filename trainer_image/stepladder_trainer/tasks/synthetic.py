"""Cheap tasks whose answers are known beforehand: for tests, and for the probes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stepladder_trainer.data.examples import Examples
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks import classification, options, regression
from stepladder_trainer.tasks.task import Request, Task

STEEPNESS = 10.0


@dataclass(frozen=True)
class Noise:
    """Settings of tasks with noise."""

    noise: float = 0.1
    examples: int = 1000


def linear_regression(request: Request) -> Task:
    """y = sum(w x) + noise with w = 1, -2, 3, ..., 8 inputs: the best error is the noise's part of the variance."""
    wanted = _checked(options.read(Noise, request.options))
    generator = torch.Generator().manual_seed(0)
    weights = torch.tensor([(-1.0) ** place * (place + 1) for place in range(8)])
    inputs = torch.randn(2 * wanted.examples, 8, generator=generator)
    exact = inputs @ weights[:, None] / weights.norm()
    targets = exact + wanted.noise * torch.randn(exact.shape, generator=generator)
    training, validation = (Examples(inputs[half], targets[half]) for half in _halves(wanted.examples))
    measure = regression.measure_against(validation.targets)
    return Task(training, validation, Shape((8,), 1), regression.loss, measure, chance=regression.CHANCE)


def spiral(request: Request) -> Task:
    """Points on two spirals that are wound around one another one and a half times: no line parts them."""
    wanted = _checked(options.read(Noise, request.options))
    generator = torch.Generator().manual_seed(0)
    arm = torch.arange(2 * wanted.examples) % 2
    distance = torch.rand(len(arm), generator=generator).sqrt()
    angle = 3 * math.pi * distance + math.pi * arm
    points = distance[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    points = 2 * points + wanted.noise * torch.randn(points.shape, generator=generator)
    training, validation = (Examples(points[half], arm[half]) for half in _halves(wanted.examples))
    return Task(
        training, validation, Shape((2,), 2), classification.loss, classification.measure, classes=("left", "right")
    )


def quartic(request: Request) -> Task:
    """f(x) = 10/4 sum(x^4), from x = 1: steep at the start, flat at the bottom.

    A step of gradient descent is x <- x (1 - 10 rate x^2). Above a rate of 2/10 the first step from 1 overshoots and
    every next one by more, so that training diverges within a few. A warmup, or clipped gradients, bring x to where
    10 rate x^2 < 2 before the full rate is used: then rates of several times that train, and faster than 2/10.
    """
    options.read(options.NoOptions, request.options)
    minimum = torch.zeros(1, 8)
    return Task(
        Examples(minimum.expand(1024, 8), minimum.expand(1024, 8)),
        Examples(minimum, minimum),
        Shape((8,), 8),
        lambda outputs, targets, _: _steep(outputs, targets).mean(),
        _measure_steep,
    )


def _steep(position: Tensor, minimum: Tensor) -> Tensor:
    return STEEPNESS / 4 * ((position - minimum) ** 4).sum(1)


def _measure_steep(outputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
    loss = _steep(outputs, targets)
    return {"error": loss / (1 + loss), "loss": loss}


def _checked(wanted: Noise) -> Noise:
    options.at_least(1, examples=wanted.examples)
    if wanted.noise < 0:
        raise ConfigurationError(f"--option noise={wanted.noise}: must be at least 0")
    return wanted


def _halves(examples: int) -> tuple[slice, slice]:
    return slice(0, examples), slice(examples, 2 * examples)
