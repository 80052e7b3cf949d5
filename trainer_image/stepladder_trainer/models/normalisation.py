"""Normalisation of activations: which, and batch normalisation in ghost batches."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from stepladder_trainer.models.request import Request
from stepladder_trainer.outcomes import ConfigurationError


def normalisation(request: Request, channels: int, *, auto: str) -> list[nn.Module]:
    """What is to follow a layer of outputs (batch, channels, ...): one module, or none. `auto`: the family's own.

    `layer` is over channels and positions, as group normalisation with one group is (Wu and He 2018). Raises
    ConfigurationError if the groups do not divide the channels, or a batch of 1 is to be normalised.
    """
    wanted = request.point.model
    name = auto if wanted.normalisation == "auto" else wanted.normalisation
    if name in ("batch", "ghost"):
        if request.point.data.batch_size < 2:
            raise ConfigurationError(f"normalisation {name} needs a batch_size of at least 2: use group or layer")
        return [GhostBatchNorm(channels, wanted.virtual_batch_size) if name == "ghost" else BatchNorm(channels)]
    if name in ("layer", "group"):
        groups = wanted.normalisation_groups if name == "group" else 1
        if channels % groups:
            raise ConfigurationError(f"normalisation_groups {groups} does not divide {channels} channels: change one")
        return [nn.GroupNorm(groups, channels)]
    return []


class BatchNorm(nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  # the base that PyTorch gives its own
    """Batch normalisation (Ioffe and Szegedy 2015) of (batch, channels, ...), with PyTorch's defaults: epsilon 1e-5,
    and running statistics that move a tenth of the way at every update."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def _check_input_dim(self, inputs: Tensor) -> None:
        """Any number of dimensions is fine."""


class GhostBatchNorm(BatchNorm):
    """Batch normalisation over parts of a batch of about `virtual_batch_size` examples each (Hoffer et al. 2017,
    algorithm 1), so that the noise that regularises does not vanish as batches grow.

    A batch is dealt to ceil(batch / virtual_batch_size) ghost batches whose sizes differ by at most one. Each moves the
    running statistics as a batch of its own would, one after the other. With one ghost batch it is batch normalisation.
    """

    def __init__(self, channels: int, virtual_batch_size: int) -> None:
        super().__init__(channels)
        self.virtual_batch_size = virtual_batch_size

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, channels, ...) -> same shape."""
        batch = len(inputs)
        ghosts = max(1, min(-(-batch // self.virtual_batch_size), batch // 2))  # one example has no variance
        if not self.training or ghosts == 1:
            return super().forward(inputs)
        self.num_batches_tracked.add_(ghosts)
        size, larger = divmod(batch, ghosts)
        if not larger:
            return self._normalised(inputs, size)
        first = larger * (size + 1)
        return torch.cat([self._normalised(inputs[:first], size + 1), self._normalised(inputs[first:], size)])

    def _normalised(self, inputs: Tensor, size: int) -> Tensor:
        """Of ghosts with `size` examples each: of the k-th are examples k, k + ghosts, ..., since then ghosts are to
        channels as they lie in memory, and nothing is copied."""
        ghosts = len(inputs) // size
        mean, variance = (self.running_mean.new_zeros(ghosts * self.num_features) for _ in range(2))
        outputs = functional.batch_norm(
            inputs.reshape(size, ghosts * self.num_features, *inputs.shape[2:]),
            mean,
            variance,
            self.weight.repeat(ghosts),
            self.bias.repeat(ghosts),
            training=True,
            momentum=1.0,  # so that the two are those of this batch
            eps=self.eps,
        )
        with torch.no_grad():
            self._follow(mean.view(ghosts, -1), variance.view(ghosts, -1))
        return outputs.reshape(inputs.shape)

    def _follow(self, means: Tensor, variances: Tensor) -> None:
        """Exponential moving averages over the ghosts (ghosts, channels), in closed form."""
        ghosts, momentum = len(means), self.momentum or 0.0
        kept = (1 - momentum) ** torch.arange(ghosts - 1, -1, -1, dtype=means.dtype, device=means.device)
        for running, seen in ((self.running_mean, means), (self.running_var, variances)):
            running.mul_((1 - momentum) ** ghosts).add_(momentum * (kept @ seen))


def statistics_of(model: nn.Module) -> list[Tensor]:
    """The running statistics of all batch normalisation in `model`, (channels,) each, as they are updated in place."""
    norms = [module for module in model.modules() if is_batch_norm(module)]
    return [part for norm in norms for name, part in norm.named_buffers() if name.startswith("running_")]


def synchronise(statistics: list[Tensor]) -> None:
    """Average running statistics over all processes, in place: a process has seen only its part of every batch, and
    evaluation and the checkpoint must not depend on whose they are.

    Call it on all ranks, after every update. At the evaluations and checkpoints alone it would come to the same but for
    rounding, and a run that is cut, and so has another checkpoint, would not go on bit for bit. Without
    torch.distributed it does nothing.
    """
    if not statistics or not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    together = torch.cat(statistics)
    torch.distributed.all_reduce(together)
    together /= torch.distributed.get_world_size()
    for part, mean in zip(statistics, torch.split(together, [len(part) for part in statistics]), strict=True):
        part.copy_(mean)


def is_batch_norm(module: nn.Module) -> bool:
    """Whether it has running statistics: ours, PyTorch's, and what is derived from them."""
    return isinstance(module, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001  # the base of all
