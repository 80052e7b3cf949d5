"""Snapshots: the training state at one step, copied so that training may go on while it is written."""

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepladder_trainer.checkpoints.retention import KEEP_BEST

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Snapshot:
    """The state after `step` optimizer updates. Nothing in `content` is shared with what training changes.

    `ranking` holds the evaluated steps, best first. A `pinned` one is written whatever comes after it.
    """

    step: int
    content: Mapping[str, Any]
    ranking: Sequence[int] = ()
    keep_best: int = KEEP_BEST
    pinned: bool = False

    def superseded_by(self, best: Collection[int]) -> bool:
        """Whether a newer snapshot makes this one superfluous, `best` being the steps worth keeping by then."""
        return not self.pinned and self.step not in best


def detached(state: Any) -> Any:
    """A deep copy of `state` with every tensor in CPU memory and out of autograd.

    Returns when all copies are complete. Tied weights, one piece of memory under several names, are copied once, and a
    view without the rest of what it looks at.
    """
    import torch

    copies: dict[tuple[object, ...], torch.Tensor] = {}

    def copied(value: Any) -> Any:
        if value is None or isinstance(value, str | int | float | bytes):
            return value
        if isinstance(value, torch.Tensor):
            place = _place(value)
            if place not in copies:
                copies[place] = value.detach().to("cpu", copy=True)
            return copies[place]
        if isinstance(value, dict):
            like = copy.copy(value)  # its type, and PyTorch's `_metadata`
            for key, item in value.items():
                like[key] = copied(item)
            return like
        if type(value) is list:
            return [copied(item) for item in value]
        if type(value) is tuple:
            return tuple(copied(item) for item in value)
        return copy.deepcopy(value)

    return copied(state)


def _place(tensor: "torch.Tensor") -> tuple[object, ...]:
    """What two tensors that are one and the same piece of memory have in common."""
    import torch

    plain = tensor.layout is torch.strided and type(tensor) in (torch.Tensor, torch.nn.Parameter)
    if not plain or not tensor.numel():
        return (id(tensor),)
    storage = tensor.untyped_storage().data_ptr()
    return (tensor.device, storage, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype)
