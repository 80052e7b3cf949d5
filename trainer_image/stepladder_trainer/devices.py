"""Where training happens."""

import torch

from stepladder_trainer.outcomes import ConfigurationError


def device(name: str) -> torch.device:
    """The device for `--device`: auto, cpu or cuda. Raises ConfigurationError where there is no GPU to be had."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--device=cuda, but PyTorch sees no GPU: request nvidia.com/gpu, or use --device=auto")
    return torch.device(name)
