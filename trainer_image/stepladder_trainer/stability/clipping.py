"""Gradient clipping by the norm of the whole gradient: at a value, or at a percentile of the norms seen so far.

g' = lambda g / |g| where |g| > lambda, else g (Pascanu et al. 2013, Algorithm 1; Deep Learning Tuning Playbook, "How
can optimization failures be debugged and mitigated?", which chooses lambda as the 90th percentile of the logged norms).
The percentile is taken of the last steps before this one, as in AutoClip (Seetharaman et al. 2020).
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stepladder_trainer.hyperparameters import RegularisationHyperparameters

PILOT = 10  # norms, before which a percentile says nothing


class Clipping:
    """Scales gradients, and counts how often. Nothing here waits for a GPU.

    `norms` is a ring of the last `gradient_clip_window` unclipped norms, a part of the training state.
    """

    def __init__(self, point: RegularisationHyperparameters, device: torch.device) -> None:
        self._value = point.gradient_clip
        self._percentile = point.gradient_clip_percentile
        window = point.gradient_clip_window if self._percentile else 0
        self._updates = 0
        self._norms = torch.full((window,), math.nan, device=device)
        self._clipped = torch.zeros((), device=device)

    def clip(self, gradients: Sequence[Tensor], norm: Tensor) -> None:
        """Scale `gradients` in place, whose joint L2 norm is `norm`, a scalar."""
        limit = self._limit()
        if limit is not None:
            over = norm > limit
            self._clipped += over
            torch._foreach_mul_(list(gradients), torch.where(over, limit / norm, 1.0))
        if len(self._norms):
            self._norms[self._updates % len(self._norms)] = norm
        self._updates += 1

    def _limit(self) -> float | Tensor | None:
        if self._value:
            return self._value
        if self._updates < PILOT:
            return None
        return torch.nanquantile(self._norms, self._percentile / 100)

    @property
    def fraction(self) -> Tensor:
        """The part of all updates so far that were clipped, a scalar on the device."""
        return self._clipped / max(self._updates, 1)

    @property
    def updates(self) -> int:
        """How many gradients it has seen."""
        return self._updates

    def state_dict(self) -> dict[str, Any]:
        """The norms, and the counts."""
        return {"updates": self._updates, "clipped": self._clipped, "norms": self._norms[: self._updates]}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take them over."""
        self._updates = state["updates"]
        self._clipped.copy_(state["clipped"])
        self._norms[: self._updates] = state["norms"]
        self._norms[self._updates :] = math.nan
