"""What is the same in every regression: squared errors, and the part of the variance that is left unexplained."""

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks.task import Measure

CHANCE = 1.0  # the error of who always answers the mean


def loss(outputs: Tensor, targets: Tensor, _: float) -> Tensor:
    """The mean squared error of outputs and targets (batch, outputs)."""
    return functional.mse_loss(outputs, targets)


def measure_against(validation: Tensor) -> Measure:
    """Of each example, (batch,): the squared error, and that in units of the variance of the `validation` targets
    (examples, outputs), so that the mean of `error` is 1 - R^2. Raises ConfigurationError if they do not vary."""
    variance = validation.double().var(0, correction=0)
    if (variance == 0).any():
        raise ConfigurationError("all validation targets are the same, so that no error can be measured: mix the data")

    def measure(outputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        squares = ((outputs - targets) ** 2).double()
        return {"error": (squares / variance.to(squares)).mean(1), "loss": squares.mean(1)}

    return measure
