"""scikit-learn's bundled files, read without importing scikit-learn, which would take a second."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stepladder_trainer.outcomes import ConfigurationError


def bundled(name: str, *, delimiter: str | None = ",", header: bool = False) -> Tensor:
    """A bundled file of numbers as (rows, columns), float64. Raises ConfigurationError if it is not there."""
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise ConfigurationError(
            "this task's data ships with scikit-learn, which is not installed: pip install scikit-learn"
        )
    path = Path(package.submodule_search_locations[0]) / "datasets" / "data" / name
    if not path.exists():
        raise ConfigurationError(f"{path} is missing: install the release of scikit-learn that uv.lock names")
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return torch.from_numpy(np.loadtxt(text.splitlines()[int(header) :], delimiter=delimiter, ndmin=2))
