"""Hyperparameters by name, from the study through the trial's document, checked before anything expensive happens."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stepladder_trainer import catalog
from stepladder_trainer.contract import Scalar
from stepladder_trainer.outcomes import ConfigurationError

NAMESPACES = (*catalog.OPTIMIZERS, *catalog.SCHEDULES, *catalog.MODELS)


@dataclass(frozen=True)
class Hyperparameters:
    """One point of the search space. A name may carry its parent as a prefix: `adam.beta1` is `beta1`."""

    model: str = "mlp"
    width: int = 64  # units of a hidden layer, channels of a convolution
    layers: int = 2  # hidden layers, convolutions
    dropout: float = 0.0
    optimizer: str = "adam"
    learning_rate: float = 0.003
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0  # times the weights, added to the gradient
    batch_size: int = 64
    data_fraction: float = 1.0  # of the training examples, for rounds on less data
    schedule: str = "constant"
    warmup_steps: int = 0
    label_smoothing: float = 0.0


def _number(name: str, value: Scalar) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigurationError(f"parameter {name} must be a finite number, not {value!r}")
    return value


def _between(low: float, high: float = math.inf) -> Callable[[str, Scalar], float]:
    def read(name: str, value: Scalar) -> float:
        number = float(_number(name, value))
        if not low <= number < high:
            bounds = f"at least {low:g}" + (f" and below {high:g}" if high < math.inf else "")
            raise ConfigurationError(f"parameter {name} must be {bounds}, not {value!r}")
        return number

    return read


def _part(name: str, value: Scalar) -> float:
    number = float(_number(name, value))
    if not 0 < number <= 1:
        raise ConfigurationError(f"parameter {name} must be above 0 and at most 1, not {value!r}")
    return number


def _whole(low: int) -> Callable[[str, Scalar], int]:
    def read(name: str, value: Scalar) -> int:
        number = _number(name, value)
        if number != int(number) or number < low:
            raise ConfigurationError(f"parameter {name} must be a whole number, at least {low}, not {value!r}")
        return int(number)

    return read


def _one_of(*names: str) -> Callable[[str, Scalar], str]:
    def read(name: str, value: Scalar) -> str:
        if value not in names:
            raise ConfigurationError(f"parameter {name} must be one of {', '.join(names)}, not {value!r}")
        return str(value)

    return read


READERS: Mapping[str, Callable[[str, Scalar], float | str]] = {
    "model": _one_of(*catalog.MODELS),
    "width": _whole(1),
    "layers": _whole(0),
    "dropout": _between(0, 1),
    "optimizer": _one_of(*catalog.OPTIMIZERS),
    "learning_rate": _between(0),
    "momentum": _between(0, 1),
    "beta1": _between(0, 1),
    "beta2": _between(0, 1),
    "epsilon": _between(0),
    "weight_decay": _between(0),
    "batch_size": _whole(1),
    "data_fraction": _part,
    "schedule": _one_of(*catalog.SCHEDULES),
    "warmup_steps": _whole(0),
    "label_smoothing": _between(0, 1),
}


def read(
    given: Mapping[str, Scalar], defaults: Mapping[str, Scalar], *, ignore_unknown: bool = False
) -> Hyperparameters:
    """The hyperparameters of a trial: its own values, else `defaults` (from flags), else the class's.

    Raises ConfigurationError for an unknown name, a value out of range, or a name given twice through different
    prefixes.
    """
    values: dict[str, float | str] = {}
    for source in (defaults, given):
        named: dict[str, str] = {}
        for name, value in source.items():
            plain = plain_name(name)
            if plain not in READERS:
                if ignore_unknown:
                    continue
                raise ConfigurationError(f"unknown parameter {name}: this trainer knows {', '.join(READERS)}")
            if plain in named:
                raise ConfigurationError(f"parameters {named[plain]} and {name} both set {plain}: give one of them")
            named[plain] = name
            values[plain] = READERS[plain](name, value)
    return Hyperparameters(**values)  # type: ignore[arg-type]  # each reader returns its field's type


def plain_name(name: str) -> str:
    """`adam.beta1` -> `beta1`; a prefix that is no optimizer, schedule or model stays."""
    prefix, dot, rest = name.partition(".")
    return rest if dot and prefix in NAMESPACES else name
