"""One model on several processes: a copy on each (DDP), or a shard on each (FSDP), behind the same few calls."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


def copied(model: nn.Module, device: torch.device) -> nn.Module:
    """What to call in the model's place, so that gradients are averaged over the processes (Li et al. 2020,
    2006.15704). Running statistics are left to `models.normalisation.synchronise`."""
    devices = [device] if device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=devices, broadcast_buffers=False)


def shard(model: nn.Module) -> None:
    """Let each process hold a part of the weights, of their gradients and of the optimizer's state (Zhao et al. 2023,
    2304.11277). The members of module lists, such as a Transformer's blocks, are gathered one after another."""
    for module in list(model.modules()):
        if isinstance(module, nn.ModuleList):
            for block in module:
                fully_shard(block)
    fully_shard(model)


def whole(value: Tensor) -> Tensor:
    """A tensor that all processes have, of one that may be in parts."""
    return value.full_tensor() if isinstance(value, DTensor) else value


class ShardedModel:
    """The state of a model in shards, as a part of a checkpoint: whole, as if there had been one process."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def state_dict(self) -> dict[str, Any]:
        """All weights, on rank 0; nothing on others. All ranks must call it."""
        return get_model_state_dict(self._model, options=WHOLE)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take this rank's part of a whole state. All ranks must call it."""
        set_model_state_dict(self._model, state_dict, options=WHOLE)


class ShardedOptimizer:
    """The same of its optimizer."""

    def __init__(self, model: nn.Module, optimizer: Optimizer) -> None:
        self._model = model
        self._optimizer = optimizer

    def state_dict(self) -> dict[str, Any]:
        """The state of all weights by name, on rank 0; nothing on others. All ranks must call it."""
        return dict(get_optimizer_state_dict(self._model, self._optimizer, options=WHOLE))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take this rank's part of a whole state. All ranks must call it."""
        set_optimizer_state_dict(self._model, self._optimizer, state_dict, options=WHOLE)
