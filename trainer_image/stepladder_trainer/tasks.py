"""Tasks: data, the loss to train on, and the error to be judged by. Their names are in `catalog.TASKS`."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from stepladder_trainer.data import Examples, bundled, split
from stepladder_trainer.models import Shape

CURVATURES = torch.linspace(1, 10, 8)


@dataclass(frozen=True)
class Task:
    """`loss(outputs, targets, label_smoothing)` and `error(outputs, targets)` are means over a batch, as scalars."""

    training: Examples
    validation: Examples
    shape: Shape
    loss: Callable[[Tensor, Tensor, float], Tensor]
    error: Callable[[Tensor, Tensor], Tensor]


def load(name: str) -> Task:
    """The task of that name in the catalog. Raises ConfigurationError if its data is not there."""
    return LOADERS[name]()


def _digits() -> Task:
    table = bundled("digits.csv.gz")
    return _classification(table[:, :-1].reshape(-1, 1, 8, 8), table[:, -1], classes=10, per_feature=False)


def _breast_cancer() -> Task:
    table = bundled("breast_cancer.csv", header=True)
    return _classification(table[:, :-1], table[:, -1], classes=2, per_feature=True)


def _diabetes() -> Task:
    inputs = bundled("diabetes_data_raw.csv.gz", delimiter=None)
    targets = bundled("diabetes_target.csv.gz", delimiter=None)
    training, validation = split(inputs, targets)
    features = _standardised(training.inputs, validation.inputs, per_feature=True)
    wanted = _standardised(training.targets, validation.targets, per_feature=True)
    return Task(
        Examples(features[0], wanted[0]),
        Examples(features[1], wanted[1]),
        Shape((inputs.shape[1],), 1),
        lambda outputs, targets, _: functional.mse_loss(outputs, targets),
        unexplained_variance,
    )


def _quadratic() -> Task:
    """f(x) = 1/2 sum(h x^2); a training example moves the minimum by noise, validation knows where it is."""
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(1024, len(CURVATURES), generator=generator)
    minimum = torch.zeros(1, len(CURVATURES))
    return Task(
        Examples(noise, noise - noise.mean(0)),
        Examples(minimum, minimum),
        Shape((len(CURVATURES),), len(CURVATURES)),
        lambda outputs, targets, _: bowl(outputs, targets),
        lambda outputs, targets: 1 - 1 / (1 + bowl(outputs, targets)),
    )


def _classification(inputs: Tensor, labels: Tensor, *, classes: int, per_feature: bool) -> Task:
    training, validation = split(inputs, labels.long())
    features = _standardised(training.inputs, validation.inputs, per_feature=per_feature)
    return Task(
        Examples(features[0], training.targets),
        Examples(features[1], validation.targets),
        Shape(tuple(inputs.shape[1:]), classes),
        lambda outputs, targets, smoothing: functional.cross_entropy(outputs, targets, label_smoothing=smoothing),
        fraction_wrong,
    )


def _standardised(training: Tensor, validation: Tensor, *, per_feature: bool) -> tuple[Tensor, Tensor]:
    """Both in units of the training set's mean and standard deviation, float32."""
    mean, deviation = (training.mean(0), training.std(0)) if per_feature else (training.mean(), training.std())
    return ((training - mean) / deviation).float(), ((validation - mean) / deviation).float()


def fraction_wrong(outputs: Tensor, targets: Tensor) -> Tensor:
    """The fraction of examples whose largest output is not the target's. NaN if an output is not a number.

    The maximum of NaNs has an index too, which would make a diverged model look merely bad.
    """
    if not torch.isfinite(outputs).all():
        return torch.tensor(torch.nan)
    return (outputs.argmax(1) != targets).double().mean()


def unexplained_variance(outputs: Tensor, targets: Tensor) -> Tensor:
    """The fraction of the targets' variance that the outputs leave unexplained, 1 - R^2."""
    return ((outputs - targets) ** 2).sum() / ((targets - targets.mean(0)) ** 2).sum()


def bowl(position: Tensor, minimum: Tensor) -> Tensor:
    """The mean of 1/2 sum(h (x - minimum)^2) over the batch."""
    return 0.5 * (CURVATURES.to(position.device) * (position - minimum) ** 2).sum(1).mean()


LOADERS: dict[str, Callable[[], Task]] = {
    "digits": _digits,
    "breast_cancer": _breast_cancer,
    "diabetes": _diabetes,
    "quadratic": _quadratic,
}
