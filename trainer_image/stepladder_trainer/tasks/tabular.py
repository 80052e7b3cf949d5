"""scikit-learn's bundled sets."""

from torch import Tensor

from stepladder_trainer.data.bundled import bundled
from stepladder_trainer.data.examples import Examples
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.tasks import classification, regression
from stepladder_trainer.tasks.options import NoOptions, read
from stepladder_trainer.tasks.splitting import split
from stepladder_trainer.tasks.task import Request, Task
from stepladder_trainer.tasks.units import Standard, Units


def digits(request: Request) -> Task:
    """8x8 images of handwritten digits (Alpaydin and Kaynak 1998), pixels in units of their deviation."""
    read(NoOptions, request.options)
    table = bundled("digits.csv.gz")
    names = tuple(str(digit) for digit in range(10))
    return _classification(table[:, :-1].reshape(-1, 1, 8, 8), table[:, -1], names, per_feature=False)


def breast_cancer(request: Request) -> Task:
    """30 measurements of cell nuclei, benign or malignant (Wolberg et al. 1993)."""
    return _labelled("breast_cancer.csv", ("malignant", "benign"), request)


def wine(request: Request) -> Task:
    """13 chemical measurements of wines from three growers (Aeberhard and Forina 1991)."""
    return _labelled("wine_data.csv", ("1", "2", "3"), request)


def iris(request: Request) -> Task:
    """4 lengths of flowers of three species (Fisher 1936)."""
    return _labelled("iris.csv", ("setosa", "versicolor", "virginica"), request)


def diabetes(request: Request) -> Task:
    """10 measurements of patients, and how far the disease was a year later (Efron et al. 2004)."""
    read(NoOptions, request.options)
    inputs = bundled("diabetes_data_raw.csv.gz", delimiter=None)
    return _regression(inputs, bundled("diabetes_target.csv.gz", delimiter=None))


def linnerud(request: Request) -> Task:
    """Three exercises and three measurements of the body of 20 men (Tenenhaus 1998): three outputs."""
    read(NoOptions, request.options)
    exercise, body = (
        bundled(f"linnerud_{part}.csv", delimiter=None, header=True) for part in ("exercise", "physiological")
    )
    return _regression(exercise, body)


def _labelled(name: str, classes: tuple[str, ...], request: Request) -> Task:
    read(NoOptions, request.options)
    table = bundled(name, header=True)
    return _classification(table[:, :-1], table[:, -1], classes, per_feature=True)


def _classification(inputs: Tensor, labels: Tensor, classes: tuple[str, ...], *, per_feature: bool) -> Task:
    training, validation = split(inputs, labels.long())
    features = Standard.of(training.inputs, per_feature=per_feature)
    return Task(
        Examples(features.scaled(training.inputs), training.targets),
        Examples(features.scaled(validation.inputs), validation.targets),
        Shape(tuple(inputs.shape[1:]), len(classes)),
        classification.loss,
        classification.measure,
        classes=classes,
        units=Units(scaled=features.scaled, example=validation.inputs[0].tolist()),
    )


def _regression(inputs: Tensor, wanted: Tensor) -> Task:
    training, validation = split(inputs, wanted)
    features = Standard.of(training.inputs, per_feature=True)
    targets = Standard.of(training.targets, per_feature=True)
    measured = targets.scaled(validation.targets)
    return Task(
        Examples(features.scaled(training.inputs), targets.scaled(training.targets)),
        Examples(features.scaled(validation.inputs), measured),
        Shape((inputs.shape[1],), measured.shape[1]),
        regression.loss,
        regression.measure_against(measured),
        chance=regression.CHANCE,
        units=Units(scaled=features.scaled, raw=targets.raw, example=validation.inputs[0].tolist()),
    )
