"""Residual networks with pre-activation."""

import torch
from torch import nn

from stepladder_trainer.models.dropout import Dropout
from stepladder_trainer.models.initialisation import Output, fan_in, initialise
from stepladder_trainer.models.network import Network
from stepladder_trainer.models.normalisation import normalisation
from stepladder_trainer.models.request import Request
from stepladder_trainer.models.residual import Residual

LARGE = 64  # pixels of a side from which on images are shrunk before the first stage, as ImageNet's are


def resnet(request: Request) -> nn.Module:
    """Stages of `layers` blocks, each with half the side and twice the channels of the one before; the first has
    `width` (He et al. 2016, "Identity mappings in deep residual networks").

    Small images go through a 3x3 convolution and three stages, as CIFAR's did; those of 64 pixels and more through a
    7x7 one of stride 2, pooling and four stages: `layers=2` is then as deep as ResNet-18. Raises ConfigurationError
    where examples are no images.
    """
    wanted = request.point.model
    channels, height, width = request.shape.image("resnet")
    large = min(height, width) >= LARGE
    if large:
        body: list[nn.Module] = [
            nn.Conv2d(channels, wanted.width, kernel_size=7, stride=2, padding=3),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        ]
    else:
        body = [nn.Conv2d(channels, wanted.width, kernel_size=3, padding=1)]
    channels = wanted.width
    for stage in range(4 if large else 3):
        for depth in range(wanted.layers):
            widening = stage > 0 and depth == 0
            body.append(Block(request, channels, widening=widening))
            channels *= 1 + widening
    body += [*normalisation(request, channels, auto="ghost"), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return Network(nn.Sequential(*body), Output(channels, request.shape.outputs))


class Block(Residual):
    """convolution(ReLU(norm(convolution(ReLU(norm(x)))))) beside a shortcut, with dropout before the second
    convolution, as in wide residual networks (Zagoruyko and Komodakis 2016).

    A `widening` one halves the side and doubles the channels, and its shortcut takes means of 2x2 pixels and a 1x1
    convolution, so that no pixel is lost (He et al. 2019, "Bag of tricks for image classification").
    """

    def __init__(self, request: Request, channels: int, *, widening: bool) -> None:
        wanted = request.point.model
        wide = channels * (1 + widening)
        before, between = (normalisation(request, size, auto="ghost") for size in (channels, wide))
        last = nn.Conv2d(wide, wide, kernel_size=3, padding=1)
        branch = nn.Sequential(
            *before,
            nn.ReLU(),
            nn.Conv2d(channels, wide, kernel_size=3, stride=1 + widening, padding=1, bias=not between),
            *between,
            nn.ReLU(),
            Dropout(wanted.dropout, request.dropout),
            last,
        )
        shortcut = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(channels, wide, kernel_size=1, bias=False))
        super().__init__(branch, last, wanted.residual_start, shortcut if widening else None)

    def initialise(self, generator: torch.Generator) -> None:
        """He-normal in the branch, and then as `Residual` begins; variance 1 / fan-in in the shortcut."""
        initialise(self.branch, generator)
        self.begin()
        for module in self.shortcut.modules():
            if isinstance(module, nn.Conv2d):
                fan_in(module.weight, generator)
