"""Multilayer perceptrons."""

import torch
from torch import nn

from stepladder_trainer.models.dropout import Dropout
from stepladder_trainer.models.initialisation import Output
from stepladder_trainer.models.network import Network
from stepladder_trainer.models.normalisation import normalisation
from stepladder_trainer.models.request import Request
from stepladder_trainer.outcomes import ConfigurationError


def mlp(request: Request) -> nn.Module:
    """`layers` hidden layers of `width` units, each normalised if asked, with ReLU and dropout.

    Raises ConfigurationError where examples are sequences of tokens.
    """
    if request.shape.vocabulary:
        raise ConfigurationError("model mlp cannot learn sequences of tokens: try transformer")
    features = torch.Size(request.shape.example).numel()
    body = hidden_layers(request, features)
    return Network(
        nn.Sequential(nn.Flatten(), *body),
        Output(request.point.model.width if body else features, request.shape.outputs),
    )


def hidden_layers(request: Request, features: int) -> list[nn.Module]:
    """The layers between `features` inputs and the output layer."""
    wanted = request.point.model
    layers: list[nn.Module] = []
    for _ in range(wanted.layers):
        layers.append(nn.Linear(features, wanted.width))
        layers += normalisation(request, wanted.width, auto="none")
        layers += [nn.ReLU(), Dropout(wanted.dropout, request.dropout)]
        features = wanted.width
    return layers
