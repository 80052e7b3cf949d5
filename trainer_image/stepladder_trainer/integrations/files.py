"""Files that another library saves its state in, as a part of our checkpoints."""

from pathlib import Path
from typing import Any

import torch


class Files:
    """A part of the training state (see `trial.Part`) that is whatever lies in `directory`, names and bytes.

    A checkpoint is one file that is whole or skipped, wherever it is stored; so that these files are, too.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def state_dict(self) -> dict[str, Any]:
        """The content of each file, by its name below the directory."""
        paths = sorted(path for path in self.directory.rglob("*") if path.is_file())
        return {str(path.relative_to(self.directory)): _tensor(path.read_bytes()) for path in paths}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Write them."""
        for name, content in state.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.numpy().tobytes())


def _tensor(data: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.zeros(0, dtype=torch.uint8)
