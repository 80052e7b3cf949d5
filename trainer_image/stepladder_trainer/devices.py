"""Where training happens."""

import torch

from stepladder_trainer.distributed.ranks import Ranks
from stepladder_trainer.outcomes import ConfigurationError


def device(name: str, here: Ranks = Ranks(), *, memory_fraction: float = 1.0) -> torch.device:  # noqa: B008  frozen
    """The device for `--device`: auto, cpu or cuda; of several GPUs the one of this process, of whose memory it may
    take a fraction. Raises ConfigurationError where there is no GPU to be had."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ConfigurationError("--device=cuda, but PyTorch sees no GPU: request nvidia.com/gpu, or use --device=auto")
    if here.local >= torch.cuda.device_count():
        raise ConfigurationError(
            f"process {here.local} of this node has no GPU, as there are {torch.cuda.device_count()}: "
            "request more nvidia.com/gpu, or lower --processes-per-node"
        )
    if memory_fraction < 1:
        torch.cuda.set_per_process_memory_fraction(memory_fraction, here.local)
    return torch.device("cuda", here.local)


def name(device: torch.device) -> str:
    """What kind of device it is: a GPU's name, or cpu."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
