"""Flags that make no sense: by themselves, or with the task and the processes that there are."""

import argparse

from stepladder_trainer.catalog import TaskEntry
from stepladder_trainer.outcomes import ConfigurationError

AT_LEAST_ONE = (
    "steps",
    "processes_per_node",
    "threads",
    "evaluate_every",
    "keep_best",
    "evaluation_batch_size",
    "evaluation_sample",
    "profile",
)
MOST_THREADS = 1024  # of many more PyTorch dies without a word
AT_LEAST_ZERO = ("loader_workers", "training_sample", "checkpoint_seconds")


def check_values(flags: argparse.Namespace) -> None:
    """Raises ConfigurationError for a number that is out of its range."""
    for names, least in ((AT_LEAST_ONE, 1), (AT_LEAST_ZERO, 0)):
        for name in names:
            value = getattr(flags, name)
            if value is not None and not value >= least:  # NaN is neither below nor above
                raise ConfigurationError(f"--{name.replace('_', '-')} must be at least {least}, not {value}")
    if flags.threads > MOST_THREADS:
        raise ConfigurationError(f"--threads must be at most {MOST_THREADS}, not {flags.threads}")
    if not 0 < flags.gpu_memory_fraction <= 1:
        raise ConfigurationError(
            f"--gpu-memory-fraction must be above 0 and at most 1, not {flags.gpu_memory_fraction}"
        )


def check_use(flags: argparse.Namespace, entry: TaskEntry, processes: int) -> None:
    """Raises ConfigurationError for a flag that would be without effect, and whoever gave it none the wiser."""
    if flags.data is not None and not entry.reads_data:
        raise ConfigurationError(f"--data {flags.data}: task {flags.task} reads no file of yours: leave it out")
    if flags.sharding != "none" and processes == 1:
        raise ConfigurationError(
            f"--sharding={flags.sharding} shares a model out over several processes, and this trial has one: leave it "
            "out, or give the trial more GPUs, trainer.nodes or --processes-per-node"
        )
