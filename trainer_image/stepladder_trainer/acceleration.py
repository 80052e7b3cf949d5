"""What makes training faster on a GPU: 16-bit arithmetic, compiled models."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

PRECISIONS = ("auto", "float32", "bfloat16")
COMPILERS = ("off", "default", "reduce-overhead", "max-autotune")


@dataclass(frozen=True)
class Acceleration:
    """`precision`: bfloat16 multiplies matrices in 16 bits and keeps weights and sums in 32; auto does so on GPUs that
    have it in hardware, which is NVIDIA's since the A100. `compiler`: a mode of torch.compile, or off; compiling takes
    tens of seconds, which segments of a minute do not earn back. reduce-overhead records CUDA graphs, for small models.
    """

    precision: str = "auto"
    compiler: str = "off"

    def arithmetic(self, device: "torch.device") -> Callable[[], AbstractContextManager[Any]]:
        """What a forward pass and its loss are computed in, on `device`."""
        if self.precision == "float32" or (self.precision == "auto" and not _has_bfloat16(device)):
            return nullcontext
        import torch

        return lambda: torch.autocast(device.type, torch.bfloat16)

    def compiled(self, model: "nn.Module") -> "nn.Module":
        """What to call in the model's place."""
        if self.compiler == "off":
            return model
        import torch

        compiled: nn.Module = torch.compile(model, mode=self.compiler)  # type: ignore[assignment]  # it is a module
        return compiled

    def seeded(self, device: "torch.device", seed: int) -> AbstractContextManager[None]:
        """What a compiled model draws begins at `seed` while the block runs. Afterwards the global generators, which it
        draws from, go on as if it had drawn nothing."""
        return nullcontext() if self.compiler == "off" else _seeded(device, seed)


@contextmanager
def _seeded(device: "torch.device", seed: int) -> Iterator[None]:
    import torch

    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _has_bfloat16(device: "torch.device") -> bool:
    import torch

    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
