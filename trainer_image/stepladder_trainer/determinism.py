"""The determinism switch: the same numbers from the same GPU, at the price of speed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from stepladder_trainer.outcomes import ConfigurationError


@contextmanager
def enforced(*, wanted: bool) -> Iterator[None]:
    """Have PyTorch use deterministic algorithms alone, if `wanted`, for the rest of the process. Comes before the first
    use of a GPU, whose libraries read their settings once.

    Raises ConfigurationError, naming the operation, if one in the block has no deterministic form.
    """
    if not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        operation = str(error).split(" does not have a deterministic")[0].strip()
        raise ConfigurationError(
            f"--deterministic: {operation} has no deterministic form here: drop the flag, or use a model without it"
        ) from error
