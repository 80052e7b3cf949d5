"""What is the same in every classification: the loss, and the fraction that is wrong."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional


def loss(outputs: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """The mean cross-entropy of logits (batch, classes) and class indices (batch,), in nats."""
    return functional.cross_entropy(outputs, targets, label_smoothing=label_smoothing)


def measure(outputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
    """Of each example, (batch,): the cross-entropy, and whether another class has the largest output.

    An output that is not a number makes its error NaN: the maximum of NaNs has an index too, which would make a
    diverged model look merely bad.
    """
    wrong = (outputs.argmax(1) != targets).double()
    return {
        "error": torch.where(torch.isfinite(outputs).all(1), wrong, torch.nan),
        "loss": functional.cross_entropy(outputs, targets, reduction="none"),
    }
