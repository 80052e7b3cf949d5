"""Random states: seeds for separate purposes derived from one, and the global states of other people's code."""

import hashlib
import random
import sys
from typing import Any


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose (`derive(seed, "dropout", step)`), unrelated to the seeds of other purposes.

    Deriving dropout and data order from the step instead of carrying a generator along makes them part of no
    checkpoint.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def global_states() -> dict[str, Any]:
    """The states of Python's, NumPy's and PyTorch's global generators, as plain values and tensors."""
    import torch

    states: dict[str, Any] = {"python": random.getstate(), "torch": torch.get_rng_state()}
    if (numpy := sys.modules.get("numpy")) is not None:
        name, keys, *rest = numpy.random.get_state()
        states["numpy"] = (name, keys.tolist(), *rest)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # PyTorch's own lack
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_global_states(states: dict[str, Any]) -> None:
    """Undo everything that drew random numbers since `global_states()`."""
    import torch

    random.setstate(states["python"])
    torch.set_rng_state(states["torch"])
    if "numpy" in states and (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.set_state(states["numpy"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"][: torch.cuda.device_count()])  # there may be fewer by now
