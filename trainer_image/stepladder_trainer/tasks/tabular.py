"""scikit-learn's bundled sets: digits, breast cancer, diabetes."""

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from stepladder_trainer.data.bundled import bundled
from stepladder_trainer.data.examples import Examples
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.tasks import classification
from stepladder_trainer.tasks.splitting import split, standardised
from stepladder_trainer.tasks.task import Request, Task


def digits(request: Request) -> Task:
    """8x8 images of handwritten digits (Alpaydin and Kaynak 1998), pixels in units of their deviation."""
    table = bundled("digits.csv.gz")
    return _classification(table[:, :-1].reshape(-1, 1, 8, 8), table[:, -1], classes=10, per_feature=False)


def breast_cancer(request: Request) -> Task:
    """30 measurements of cell nuclei, benign or malignant (Wolberg et al. 1993)."""
    table = bundled("breast_cancer.csv", header=True)
    return _classification(table[:, :-1], table[:, -1], classes=2, per_feature=True)


def diabetes(request: Request) -> Task:
    """10 measurements of patients, and how far the disease was a year later (Efron et al. 2004)."""
    inputs = bundled("diabetes_data_raw.csv.gz", delimiter=None)
    training, validation = split(inputs, bundled("diabetes_target.csv.gz", delimiter=None))
    features = standardised(training.inputs, validation.inputs, per_feature=True)
    wanted = standardised(training.targets, validation.targets, per_feature=True)
    variance = wanted[1].var(0, correction=0)

    def measure(outputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        squares = ((outputs - targets) ** 2).double().mean(1)
        return {"error": squares / variance.to(squares), "loss": squares}  # the mean of the first is 1 - R^2

    return Task(
        Examples(features[0], wanted[0]),
        Examples(features[1], wanted[1]),
        Shape((inputs.shape[1],), 1),
        lambda outputs, targets, _: functional.mse_loss(outputs, targets),
        measure,
    )


def _classification(inputs: Tensor, labels: Tensor, *, classes: int, per_feature: bool) -> Task:
    training, validation = split(inputs, labels.long())
    features = standardised(training.inputs, validation.inputs, per_feature=per_feature)
    return Task(
        Examples(features[0], training.targets),
        Examples(features[1], validation.targets),
        Shape(tuple(inputs.shape[1:]), classes),
        classification.loss,
        classification.measure,
    )
