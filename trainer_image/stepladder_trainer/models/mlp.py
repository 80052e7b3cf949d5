"""Multilayer perceptrons."""

import torch
from torch import nn

from stepladder_trainer.models.dropout import Dropout
from stepladder_trainer.models.request import Request


def mlp(request: Request) -> nn.Module:
    """`layers` hidden layers of `width` units with ReLU and dropout."""
    wanted = request.point.model
    layers: list[nn.Module] = [nn.Flatten()]
    features = torch.Size(request.shape.example).numel()
    for _ in range(wanted.layers):
        layers += [nn.Linear(features, wanted.width), nn.ReLU(), Dropout(wanted.dropout, request.dropout)]
        features = wanted.width
    return nn.Sequential(*layers, nn.Linear(features, request.shape.outputs))
