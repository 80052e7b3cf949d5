"""Reconstruction of images through a narrow code."""

from collections.abc import Mapping

import torch
from torch import Tensor

from stepladder_trainer.data.bundled import bundled
from stepladder_trainer.data.examples import Examples
from stepladder_trainer.models.autoencoder import Reconstruction
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.tasks.options import NoOptions, read
from stepladder_trainer.tasks.splitting import split
from stepladder_trainer.tasks.task import Request, Task
from stepladder_trainer.tasks.units import Standard, Units


def digits(request: Request) -> Task:
    """The images of the digits task, each its own target.

    The error is the part of the pixels' variance that the reconstruction leaves unexplained: 0 is perfect, 1 is what
    the mean image reaches. k principal components reach a known value, which no linear code of k numbers beats on the
    set they were computed from.
    """
    read(NoOptions, request.options)
    images = bundled("digits.csv.gz")[:, :-1].reshape(-1, 1, 8, 8)
    measured = [part.inputs for part in split(images, images)]
    pixels = Standard.of(measured[0], per_feature=False)
    training, validation = (pixels.scaled(part) for part in measured)
    variance = validation.double().var(0, correction=0).sum()

    def measure(outputs: Reconstruction | Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        squares, divergence = _parts(outputs, targets)
        return {
            "error": squares.double().sum(1) / variance.to(squares.device),
            "loss": squares.mean(1) + 2 * divergence / squares.shape[1],
        }

    return Task(
        Examples(training, training),
        Examples(validation, validation),
        Shape(tuple(training.shape[1:]), training[0].numel()),
        loss,
        measure,
        chance=1.0,
        units=Units(scaled=pixels.scaled, raw=pixels.raw, example=measured[1][0].tolist()),
    )


def loss(outputs: Reconstruction | Tensor, targets: Tensor, _: float) -> Tensor:
    """The mean squared error of a pixel, plus twice the divergence for each: the negative evidence lower bound of
    pixels with variance 1, up to a constant and times 2 / pixels."""
    squares, divergence = _parts(outputs, targets)
    return squares.mean() + 2 * divergence.mean() / squares.shape[1]


def _parts(outputs: Reconstruction | Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Squared errors (batch, pixels) and divergences (batch,), which are 0 for any other model's outputs."""
    if isinstance(outputs, Tensor):
        outputs = Reconstruction(outputs, torch.zeros(len(outputs), device=outputs.device))
    return (outputs.values - targets.flatten(1)) ** 2, outputs.divergence
