"""Plain convolutional networks."""

from torch import nn

from stepladder_trainer.models.dropout import Dropout
from stepladder_trainer.models.initialisation import Output
from stepladder_trainer.models.network import Network
from stepladder_trainer.models.normalisation import normalisation
from stepladder_trainer.models.request import Request


def cnn(request: Request) -> nn.Module:
    """`layers` 3x3 convolutions of `width` channels, each normalised if asked, with ReLU, the first two followed by
    pooling; dropout at the end.

    Raises ConfigurationError where examples are no images.
    """
    wanted = request.point.model
    channels, height, width = request.shape.image("cnn")
    layers: list[nn.Module] = []
    for depth in range(wanted.layers):
        layers.append(nn.Conv2d(channels, wanted.width, kernel_size=3, padding=1))
        layers += [*normalisation(request, wanted.width, auto="none"), nn.ReLU()]
        channels = wanted.width
        if depth < 2 and min(height, width) > 1:  # 8x8 images have room for two
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    return Network(
        nn.Sequential(*layers, nn.Flatten(), Dropout(wanted.dropout, request.dropout)),
        Output(channels * height * width, request.shape.outputs),
    )
