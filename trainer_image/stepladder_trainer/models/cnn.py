"""Plain convolutional networks."""

from torch import nn

from stepladder_trainer.models.dropout import Dropout
from stepladder_trainer.models.request import Request
from stepladder_trainer.outcomes import ConfigurationError


def cnn(request: Request) -> nn.Module:
    """`layers` 3x3 convolutions of `width` channels with ReLU, the first two followed by pooling; dropout at the end.

    Raises ConfigurationError where examples are no images.
    """
    if len(request.shape.example) != 3:
        raise ConfigurationError(
            f"model cnn needs images, and this task's examples have shape {request.shape.example}: try mlp"
        )
    wanted = request.point.model
    channels, height, width = request.shape.example
    layers: list[nn.Module] = []
    for depth in range(wanted.layers):
        layers += [nn.Conv2d(channels, wanted.width, kernel_size=3, padding=1), nn.ReLU()]
        channels = wanted.width
        if depth < 2:  # 8x8 images have room for two
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        Dropout(wanted.dropout, request.dropout),
        nn.Linear(channels * height * width, request.shape.outputs),
    )
