"""Copies of the training state in CPU memory, which is used again and again."""

import copy
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch

SPARE: Final = 2  # states: one is copied while another is written


class Copies:
    """Copies states, into the memory of copies that have been given back.

    Fresh memory costs the system's page faults, which take six times as long as the copy itself.
    """

    def __init__(self) -> None:
        self._given_back: deque[Any] = deque(maxlen=SPARE)

    def give_back(self, state: Any) -> None:
        """Let a copy, which nobody looks at any more, be overwritten. Any thread may do that."""
        self._given_back.append(state)

    def of(self, state: Any) -> Any:
        """A deep copy of `state` with every tensor in CPU memory and out of autograd.

        Returns when all is copied. Tied weights, one piece of memory under several names, are copied once, and a view
        without the rest of what it looks at.
        """
        import torch

        spare = _Spare(self._given_back.popleft() if self._given_back else ())
        copies: dict[tuple[object, ...], torch.Tensor] = {}

        def copied(value: Any) -> Any:
            if value is None or isinstance(value, str | int | float | bytes):
                return value
            if isinstance(value, torch.Tensor):
                place = _place(value)
                if place not in copies:
                    copies[place] = spare.copy_of(value.detach())
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

        result = copied(state)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # PyTorch's own lack
            torch.cuda.synchronize()
        return result


class _Spare:
    """The tensors of a copy that was given back, by what can be copied into them. What is not taken goes."""

    def __init__(self, state: Any) -> None:
        self._free: defaultdict[tuple[object, ...], list[torch.Tensor]] = defaultdict(list)
        for tensor in {id(tensor): tensor for tensor in _tensors(state)}.values():
            self._free[_kind(tensor, pinned=tensor.is_pinned())].append(tensor)

    def copy_of(self, source: "torch.Tensor") -> "torch.Tensor":
        """Of a GPU's tensor it is complete when the GPU is: pinned memory is written beside the program."""
        import torch

        if not _plain(source):
            return source.to("cpu", copy=True)
        free = self._free[_kind(torch.empty_like(source, device="meta"), pinned=source.is_cuda)]
        target = free.pop() if free else torch.empty_like(source, device="cpu", pin_memory=source.is_cuda)
        return target.copy_(source, non_blocking=source.is_cuda)


def _tensors(state: Any) -> Iterator["torch.Tensor"]:
    import torch

    if isinstance(state, torch.Tensor):
        if _plain(state):
            yield state
    elif isinstance(state, dict | list | tuple):
        for item in state.values() if isinstance(state, dict) else state:
            yield from _tensors(item)


def _plain(tensor: "torch.Tensor") -> bool:
    import torch

    return type(tensor) is torch.Tensor and tensor.layout is torch.strided and not tensor.is_quantized


def _kind(tensor: "torch.Tensor", *, pinned: bool) -> tuple[object, ...]:
    return (tensor.shape, tensor.stride(), tensor.dtype, pinned)


def _place(tensor: "torch.Tensor") -> tuple[object, ...]:
    """What two tensors that are one and the same piece of memory have in common."""
    if not _plain(tensor.detach()) or not tensor.numel():
        return (id(tensor),)
    storage = tensor.untyped_storage().data_ptr()
    return (tensor.device, storage, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype)
