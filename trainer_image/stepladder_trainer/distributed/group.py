"""What the processes of a trial agree on while they train."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from stepladder_trainer.distributed.ranks import Ranks
from stepladder_trainer.outcomes import ConfigurationError

TIMEOUT = timedelta(minutes=10)


class Group:
    """The processes of a trial; alone, everything is as this process says."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks
        # Agreements are made on the CPU: on the GPU they would wait for the work that is queued there.
        self._side: dist.ProcessGroup | None = _side_group() if ranks.world > 1 else None

    def agree(self, stop: bool, save: bool) -> tuple[bool, bool]:  # noqa: FBT001  two wishes
        """Each wish, granted if one process has it. All must ask, at the same step: who stops alone leaves the others
        waiting for its gradients."""
        if self._side is None:
            return stop, save
        votes = torch.tensor((stop, save), dtype=torch.uint8)
        dist.all_reduce(votes, dist.ReduceOp.MAX, group=self._side)
        return bool(votes[0]), bool(votes[1])

    def sums(self, totals: Mapping[str, float]) -> dict[str, float]:
        """Each number, summed over the processes, which must have the same names."""
        if self._side is None:
            return dict(totals)
        names = sorted(totals)
        values = torch.tensor([totals[name] for name in names], dtype=torch.float64)
        dist.all_reduce(values, group=self._side)
        return dict(zip(names, values.tolist(), strict=True))

    def check_same(self, step: int) -> None:
        """Raise ConfigurationError unless all processes are about to take the same step."""
        if self._side is None:
            return
        ends = torch.tensor([step, -step])
        dist.all_reduce(ends, dist.ReduceOp.MAX, group=self._side)
        if ends[0] != -ends[1]:
            raise ConfigurationError(
                f"the processes of this trial begin at steps {-ends[1]} to {ends[0]}, as they do not see the same "
                "checkpoints: give them a volume that all nodes can mount (ReadWriteMany), or a bucket"
            )


def _side_group() -> dist.ProcessGroup:
    group = dist.new_group(backend="gloo")
    if not isinstance(group, dist.ProcessGroup):
        raise TypeError("every process is a member of a group of all")
    return group


@contextmanager
def joined(ranks: Ranks, device: torch.device) -> Iterator[Group]:
    """The group of this process while the block runs: NCCL between GPUs, gloo between CPUs. Raises ConfigurationError
    where nothing says how to find the others."""
    if ranks.world == 1:
        yield Group(ranks)
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    except ValueError as error:
        raise ConfigurationError(
            f"this is process {ranks.rank} of {ranks.world}, and where to meet is not said ({error}): start them by "
            "torchrun or by the operator, or unset LOCAL_RANK"
        ) from error
    try:
        yield Group(ranks)
    finally:
        dist.destroy_process_group()
