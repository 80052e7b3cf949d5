"""The settings of a task, `--option NAME=VALUE`, checked against a dataclass whose defaults say what they are."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from stepladder_trainer.contract import Scalar
from stepladder_trainer.outcomes import ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True)
class NoOptions:
    """Of a task that has nothing to set."""


def read(kind: type[T], given: Mapping[str, Scalar]) -> T:
    """An instance of the dataclass `kind` with what is given, else its defaults.

    A default of a type takes values of it; a number may be written without a point, and a text may look like a number.
    Raises ConfigurationError, naming what there is.
    """
    known: dict[str, Any] = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            there_is = f"it knows {', '.join(sorted(known))}" if known else "it has none"
            raise ConfigurationError(f"--option {name}: this task has no such setting, {there_is}")
        wanted = type(known[name])
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            found[name] = float(value)
        elif wanted is str and not isinstance(value, bool):
            found[name] = str(value)
        elif type(value) is wanted:
            found[name] = value
        else:
            names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
            raise ConfigurationError(f"--option {name}={value}: must be {names[wanted]}")
    return kind(**found)


def share(name: str, value: float) -> float:
    """`value` if it is a part of a set, at least 0 and below 1. Raises ConfigurationError."""
    if not 0 <= value < 1:
        raise ConfigurationError(f"--option {name}={value}: must be a part of the examples, at least 0 and below 1")
    return value


def at_least(low: int, **named: int) -> None:
    """Raises ConfigurationError for one of the named values that is below `low`."""
    for name, value in named.items():
        if value < low:
            raise ConfigurationError(f"--option {name}={value}: must be at least {low}")


def one_of(names: tuple[str, ...], **named: str) -> None:
    """Raises ConfigurationError for one of the named values that is none of `names`."""
    for name, value in named.items():
        if value not in names:
            raise ConfigurationError(f"--option {name}={value}: must be one of {', '.join(names)}")
