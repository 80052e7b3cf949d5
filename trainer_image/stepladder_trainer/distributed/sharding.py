"""A model in shards, by PyTorch's FSDP, and its state as if it were whole."""

from typing import Any

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
from torch.optim import Optimizer

WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


def shard(model: nn.Module) -> None:
    """Let each process hold a part of the model. The members of module lists, such as a Transformer's blocks, are
    gathered one after another."""
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
