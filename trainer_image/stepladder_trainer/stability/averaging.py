"""Averaged weights, which are evaluated in place of the last ones: late steps scatter around a point that none of them
hits.

`polyak`: the mean of the weights after every update (Polyak and Juditsky 1992). `ema`: an exponential moving average
with the bias correction of Adam (Kingma and Ba 2015, section 3; its section 7.2 averages the weights), so that the
start leaves no trace. Both are avg += w (weights - avg), with w = 1 / t and w = (1 - decay) / (1 - decay^t).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from stepladder_trainer.hyperparameters import RegularisationHyperparameters


class Averaging:
    """The average of a model's weights and floating-point buffers; other buffers are the model's own.

    The statistics of batch normalisation are thus averaged as the weights are, which is close to those of the averaged
    weights and needs no pass over the data. `state_dict()["model"]` fits the model.
    """

    def __init__(self, model: nn.Module, point: RegularisationHyperparameters) -> None:
        self._kind = point.averaging
        self._decay = point.ema_decay
        self._start = point.averaging_start
        self._seen = 0  # updates
        self._live = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
        self._average = {name: value.detach().clone() for name, value in self._live.items()}
        floating = [name for name, value in self._live.items() if value.is_floating_point()]
        self._pairs = [self._average[name] for name in floating], [self._live[name] for name in floating]
        self._others = [name for name in self._live if name not in set(floating)]

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights after an optimizer update into the average."""
        self._seen += 1
        averaged = self._seen - self._start
        if averaged < 1:
            return
        averages, weights = self._pairs
        torch._foreach_lerp_(averages, weights, self.weight(averaged))
        for name in self._others:
            self._average[name].copy_(self._live[name])

    def weight(self, averaged: int) -> float:
        """The weight of the newest of `averaged` updates, 1 for the first."""
        if self._kind == "polyak":
            return 1 / averaged
        return (1 - self._decay) / (1 - self._decay**averaged)

    @contextmanager
    @torch.no_grad()
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights while the block runs, where they have been averaged yet."""
        if self._seen <= self._start:
            yield
            return
        own = {name: value.clone() for name, value in self._live.items()}
        self._put(self._average)
        try:
            yield
        finally:
            self._put(own)

    def _put(self, values: dict[str, Tensor]) -> None:
        for name, value in self._live.items():
            value.copy_(values[name])

    def state_dict(self) -> dict[str, Any]:
        """The average as a state of the model, and how far it has come."""
        return {"updates": self._seen, "model": dict(self._average)}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take it over. Raises KeyError or RuntimeError if it is another model's."""
        self._seen = state["updates"]
        for name, value in self._average.items():
            value.copy_(state["model"][name])
