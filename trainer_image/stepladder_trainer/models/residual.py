"""A residual branch and how it begins."""

import torch
from torch import Tensor, nn

from stepladder_trainer.models.initialisation import zero


class Residual(nn.Module):
    """x -> shortcut(x) + branch(x), the shortcut being the identity where the shape allows it. Only `branch`
    normalises, what it reads; a sum is never normalised, so that signals have a way through that nothing scales (He et
    al. 2016, "Identity mappings in deep residual networks").

    `start`: `zero` begins with the branch's last layer at zero (as Goyal et al. 2017 begin theirs), so that the whole
    is the identity and yet every layer learns from the second update on; `rezero` multiplies the branch by a learned
    number that begins at zero (Bachlechner et al. 2020); `plain` does nothing.
    """

    def __init__(self, branch: nn.Module, last: nn.Module, start: str, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.shortcut = shortcut or nn.Identity()
        self.branch = branch
        self.scale = nn.Parameter(torch.zeros(())) if start == "rezero" else None
        self._zeroed = (last,) if start == "zero" else ()  # in a tuple, since it is the branch's part

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, ...) -> (batch, ...)."""
        change: Tensor = self.branch(inputs)
        carried: Tensor = self.shortcut(inputs)
        return carried + (change if self.scale is None else self.scale * change)

    def begin(self) -> None:
        """Comes after the initialisation of the branch."""
        if self.scale is not None:
            self.scale.zero_()
        for layer in self._zeroed:
            zero(layer)
