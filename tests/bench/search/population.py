"""Many networks that differ in their optimizer's settings alone, trained side by side on the same batches."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench.search.toy_data import Data

DRAWS = 1000
STEPS = 1000
EVALUATIONS = 50
VALIDATION = 300  # examples at most
DECAY_STEPS = 10_000  # those of TaskSet's tables, for which the bounds of decay are meant

Draws = Mapping[str, "np.ndarray[tuple[int], np.dtype[np.float32]]"]
_ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


@dataclass(frozen=True)
class Network:
    """Hidden layers of a perceptron, and its batch."""

    hidden: tuple[int, ...]
    activation: Literal["relu", "tanh", "sigmoid"]
    batch: int


def trained(
    data: Data, network: Network, draws: Draws, rng: np.random.Generator
) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Validation loss (draws, evaluations) of networks that start from the same weights. 60 % of the data trains."""
    settings = {name: torch.tensor(values)[:, None, None] for name, values in draws.items()}
    weights = _initial(data, network)
    first, second = ([torch.zeros_like(w) for w in weights] for _ in range(2))
    training = int(0.6 * len(data.inputs))
    held_out = slice(training, training + min(VALIDATION, int(0.2 * len(data.inputs))))
    curves, every = np.zeros((DRAWS, EVALUATIONS)), STEPS // EVALUATIONS
    for step in range(STEPS):
        batch = torch.tensor(rng.integers(0, training, network.batch))
        for w in weights:
            w.grad = None
        _losses(data, network, weights, data.inputs[batch], data.targets[batch]).sum().backward()  # type: ignore[no-untyped-call]  # PyTorch's own lack
        _adam8p(weights, first, second, settings, step)
        if (step + 1) % every == 0:
            with torch.no_grad():
                losses = _losses(data, network, weights, data.inputs[held_out], data.targets[held_out])
            curves[:, step // every] = losses.numpy()
    return curves


def _initial(data: Data, network: Network) -> list[Tensor]:
    sizes = (data.inputs.shape[1], *network.hidden, data.outputs)
    weights = []
    for inputs, outputs in pairwise(sizes):
        weights.append((torch.randn(1, inputs, outputs) / math.sqrt(inputs)).repeat(DRAWS, 1, 1))
        weights.append(torch.zeros(DRAWS, 1, outputs))
    return [weight.requires_grad_() for weight in weights]


def _losses(data: Data, network: Network, weights: list[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
    """(draws,): the mean loss of each network."""
    hidden = inputs.expand(DRAWS, -1, -1)
    for layer in range(0, len(weights), 2):
        hidden = torch.baddbmm(weights[layer + 1], hidden, weights[layer])
        if layer < len(weights) - 2:
            hidden = _ACTIVATIONS[network.activation](hidden)
    if data.loss == "squares":
        return (hidden - targets).square().mean((1, 2))
    classes = targets.expand(DRAWS, -1)
    return functional.cross_entropy(hidden.transpose(1, 2), classes, reduction="none").mean(1)


@torch.no_grad()
def _adam8p(
    weights: list[Tensor], first: list[Tensor], second: list[Tensor], settings: Mapping[str, Tensor], step: int
) -> None:
    """One update, TaskSet's appendix: Adam with l1 and l2 in the gradient, linear and exponential decay of the rate."""
    elapsed = step * DECAY_STEPS / STEPS
    linear = torch.clamp(1 - elapsed * settings["linear_decay"], min=0)
    rate = settings["learning_rate"] * linear * torch.exp(-elapsed * settings["exponential_decay"])
    beta1, beta2 = 1 - settings["one_minus_beta1"], 1 - settings["one_minus_beta2"]
    unbias1, unbias2 = 1 / (1 - beta1 ** (step + 1)), 1 / (1 - beta2 ** (step + 1))
    for weight, m, v in zip(weights, first, second, strict=True):
        assert weight.grad is not None
        gradient = weight.grad + 2 * settings["l2"] * weight + settings["l1"] * weight.sign()
        m.mul_(beta1).add_((1 - beta1) * gradient)
        v.mul_(beta2).add_((1 - beta2) * gradient * gradient)
        weight.sub_(rate * (m * unbias1) / (torch.sqrt(v * unbias2 + 1e-10) + settings["epsilon"]))
