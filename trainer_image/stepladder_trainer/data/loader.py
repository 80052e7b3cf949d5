"""Batches through PyTorch's DataLoader: workers read ahead, pinned memory lets copies overlap with computation.

Which examples make up which batch is decided before, in this process, so that the number of workers changes nothing.
"""

import os
import signal
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stepladder_trainer.data.examples import Batch, Dataset, Examples, prepared
from stepladder_trainer.outcomes import ConfigurationError, OutOfMemoryError, TrialError

MOST_WORKERS = 8
DIED = "a worker of the loader died:"
PREFETCH = 2  # batches that each worker reads ahead
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def stream(dataset: Dataset, chosen: Iterable[Tensor], device: torch.device, *, workers: int) -> Generator[Batch]:
    """The batches of `chosen` indices (batch,), in that order, on `device`. Workers end when the generator is closed.

    Raises what the data set raises, and what `explained` makes of a worker's death.
    """
    from torch.utils.data import DataLoader

    loader: DataLoader[Any] = DataLoader(
        _Gathered(dataset),  # type: ignore[arg-type]  # a map-style data set, if not by inheritance
        batch_sampler=(indices.tolist() for indices in chosen),
        collate_fn=_as_it_is,  # type: ignore[arg-type]  # gets what `__getitems__` returns
        num_workers=workers,
        prefetch_factor=PREFETCH if workers else None,
        pin_memory=device.type == "cuda",
        worker_init_fn=_become_worker,
        generator=torch.Generator(),  # else it would draw its workers' seed from the global one
    )
    arriving = iter(loader)
    try:
        for batch in arriving:
            if isinstance(batch, TrialError):
                raise batch
            there = Batch(*(tensor.to(device, non_blocking=True) for tensor in batch))
            yield prepared(dataset, there)
    except RuntimeError as error:
        killed = any(worker.exitcode == -signal.SIGKILL for worker in getattr(arriving, "_workers", ()))
        raise explained(error, killed=killed) from error
    finally:
        del arriving  # its end is that of the workers


def gathered(dataset: Dataset, indices: list[int]) -> Batch:
    """The examples at `indices` as they are stored, on the CPU. Raises ConfigurationError if their shapes differ."""
    if isinstance(dataset, Examples):
        return Batch(dataset.inputs[indices], dataset.targets[indices])
    inputs, targets = zip(*(dataset[index] for index in indices), strict=True)
    for tensors in (inputs, targets):
        if len(shapes := {tuple(tensor.shape) for tensor in tensors}) > 1:
            raise ConfigurationError(
                f"examples of shapes {' and '.join(str(shape) for shape in sorted(shapes))} do not fit into one batch: "
                "let the data set bring all to one shape"
            )
    return Batch(torch.stack(inputs), torch.stack(targets))


def explained(error: RuntimeError, *, killed: bool = False) -> Exception:
    """What a worker's death means to who can act on it; any other error stays as it is."""
    text = str(error)
    if any(sign in text for sign in ("Bus error", "bus error", "shared memory", "/torch_")):
        return ConfigurationError(
            "the loader's workers ran out of shared memory: mount an emptyDir with medium Memory at /dev/shm "
            "of the trainer's container, or give --loader-workers=0"
        )
    if "DataLoader worker" not in text or text.startswith(DIED):
        return error
    if killed or "Killed" in text:
        return OutOfMemoryError(
            "a worker of the loader was killed, as the kernel does when memory runs out: "
            "raise the container's memory limit, or lower --loader-workers"
        )
    return RuntimeError(f"{DIED} {text}; --loader-workers=0 shows where")


def default_workers() -> int:
    """As many as there are CPUs for them beside the training process."""
    return max(0, min(MOST_WORKERS, usable_cpus() - 1))


def usable_cpus(quota: Path = CPU_QUOTA) -> int:
    """The CPUs that this container may use: a limit of Kubernetes is a quota, which Python does not count."""
    allowed = len(os.sched_getaffinity(0))
    try:
        time, period = quota.read_text().split()
        return min(allowed, max(1, int(time) // int(period)))
    except (OSError, ValueError):  # no limit: "max 100000", or no such file
        return allowed


class _Gathered:
    """What a worker does. An error that is a sentence crosses to the training process as it is, without a traceback."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __getitems__(self, indices: list[int]) -> Batch | TrialError:
        try:
            return gathered(self._dataset, indices)
        except TrialError as error:
            return error

    def __getitem__(self, index: int) -> Batch | TrialError:
        return self.__getitems__([index])

    def __len__(self) -> int:
        return len(self._dataset)


def _as_it_is(batch: Batch | TrialError) -> Batch | TrialError:
    return batch


def _become_worker(number: int) -> None:
    """A fork has this process's handlers: SIGTERM would only set a flag in it, and Ctrl-C reaches the whole group."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
