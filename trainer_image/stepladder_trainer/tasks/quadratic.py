"""A noisy bowl whose curvatures are known: gradient descent is unstable above 2 / 10."""

from collections.abc import Mapping

import torch
from torch import Tensor

from stepladder_trainer.data.examples import Examples
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.tasks.task import Request, Task

CURVATURES = torch.linspace(1, 10, 8)


def quadratic(request: Request) -> Task:
    """f(x) = 1/2 sum(h x^2); a training example moves the minimum by noise, validation knows where it is."""
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(1024, len(CURVATURES), generator=generator)
    minimum = torch.zeros(1, len(CURVATURES))
    return Task(
        Examples(noise, noise - noise.mean(0)),
        Examples(minimum, minimum),
        Shape((len(CURVATURES),), len(CURVATURES)),
        lambda outputs, targets, _: bowl(outputs, targets).mean(),
        measure,
    )


def measure(outputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
    """The loss, and an error from 0 to 1 that grows with it."""
    loss = bowl(outputs, targets)
    return {"error": loss / (1 + loss), "loss": loss}


def bowl(position: Tensor, minimum: Tensor) -> Tensor:
    """1/2 sum(h (x - minimum)^2) of each example: (batch, dimensions) -> (batch,)."""
    return 0.5 * (CURVATURES.to(position.device) * (position - minimum) ** 2).sum(1)
