"""How the processes of a trial share its model: a copy on each, or a shard on each. Alone, nothing is shared."""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from stepladder_trainer.distributed.ranks import Ranks
from stepladder_trainer.state import Part


class Together:
    """With copies gradients are averaged over the processes (DDP; Li et al. 2020, 2006.15704); `sharded`, each holds a
    part of the weights, of their gradients and of the optimizer's state (FSDP; Zhao et al. 2023, 2304.11277)."""

    def __init__(self, ranks: Ranks, *, sharded: bool = False) -> None:
        self.ranks = ranks
        self.sharded = sharded and ranks.world > 1

    def shared(self, model: nn.Module, device: torch.device) -> nn.Module:
        """What to call in the model's place. Its optimizer must be made after this."""
        if self.ranks.world == 1:
            return model
        if self.sharded:
            from stepladder_trainer.distributed import sharding  # imports PyTorch's compiler, for a second

            sharding.shard(model)
            return model
        # Running statistics are left to `models.normalisation.synchronise`.
        devices = [device] if device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices, forward_sync_buffers=False)

    def parts(self, model: nn.Module, optimizer: Optimizer) -> dict[str, Part]:
        """Both as parts of a checkpoint, whole, as if there were one process."""
        if not self.sharded:
            return {"model": model, "optimizer": optimizer}
        from stepladder_trainer.distributed import sharding

        return {
            "model": sharding.ShardedModel(model),
            "optimizer": sharding.ShardedOptimizer(model, optimizer),
        }

    def mean(self, value: Tensor) -> Tensor:
        """Of a scalar that every process has, in place: the loss of the whole batch, which is the same for all, so that
        all see it when it is not finite."""
        if self.ranks.world > 1:
            dist.all_reduce(value)
            value /= self.ranks.world
        return value

    def whole(self, value: Tensor) -> Tensor:
        """A tensor that all processes have, of one that may be in parts."""
        if not self.sharded:
            return value
        from stepladder_trainer.distributed import sharding

        return sharding.whole(value)
