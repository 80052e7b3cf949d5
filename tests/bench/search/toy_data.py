"""Small data sets: scikit-learn's bundled ones, and a few that are drawn."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor

Loss = Literal["classes", "squares"]


@dataclass(frozen=True)
class Data:
    """Shuffled inputs (examples, features) and targets: class numbers (examples,), or values (examples, outputs)."""

    inputs: Tensor
    targets: Tensor
    loss: Loss

    @property
    def outputs(self) -> int:
        """Units of the last layer."""
        return int(self.targets.max()) + 1 if self.loss == "classes" else self.targets.shape[1]


def data(name: str, rng: np.random.Generator) -> Data:
    """The data of that name. Raises KeyError for another."""
    inputs, targets = _DRAWN[name](rng) if name in _DRAWN else _BUNDLED[name]()
    order = rng.permutation(len(inputs))
    x = torch.tensor(inputs[order], dtype=torch.float32)
    if name == "digits_autoencoder":
        return Data(x, x, "squares")
    if targets.dtype.kind == "i":
        return Data(x, torch.tensor(targets[order]), "classes")
    return Data(x, torch.tensor(targets[order], dtype=torch.float32)[:, None], "squares")


Arrays = tuple["np.ndarray[tuple[int, int], np.dtype[np.float64]]", "np.ndarray[tuple[int], np.dtype[np.generic]]"]


def _digits() -> Arrays:
    found = datasets.load_digits()
    return found.data / 16 - 0.5, found.target


def _cancer() -> Arrays:
    found = datasets.load_breast_cancer()
    return (found.data - found.data.mean(0)) / found.data.std(0), found.target


def _wine() -> Arrays:
    found = datasets.load_wine()
    return (found.data - found.data.mean(0)) / found.data.std(0), found.target


def _diabetes() -> Arrays:
    found = datasets.load_diabetes()
    return found.data * 20, (found.target - found.target.mean()) / found.target.std()


def _teacher(rng: np.random.Generator) -> Arrays:
    inputs = rng.normal(size=(1500, 16))
    hidden = np.tanh(inputs @ rng.normal(size=(16, 24)))
    scores = hidden @ rng.normal(size=(24, 5)) + 0.5 * rng.normal(size=(1500, 5))
    return inputs, scores.argmax(1)


def _noisy(rng: np.random.Generator) -> Arrays:
    inputs = rng.normal(size=(600, 20))
    return inputs, (inputs[:, :3].sum(1) + rng.normal(size=600) > 0).astype(np.int64)


def _sine(rng: np.random.Generator) -> Arrays:
    x = rng.uniform(-1, 1, size=(600, 4))
    return x, np.sin(4 * x[:, 0]) * np.cos(3 * x[:, 1]) + x[:, 2] ** 2 + 0.1 * rng.normal(size=600)


_BUNDLED = {
    "digits": _digits,
    "digits_autoencoder": _digits,
    "cancer": _cancer,
    "wine": _wine,
    "diabetes": _diabetes,
}
_DRAWN = {"teacher": _teacher, "noisy": _noisy, "sine": _sine}
