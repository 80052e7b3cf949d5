"""How a hyperparameter is declared: one line with its default, the check of a value, and a sentence for the docs.

A group is a frozen dataclass of such fields; `reading` finds them by name. Names are what studies write, and are unique
over all groups.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import Field, field
from typing import Any

from stepladder_trainer.contract import Scalar
from stepladder_trainer.outcomes import ConfigurationError

Read = Callable[[str, Scalar], Scalar | None]


def number(
    default: float | None, summary: str, *, low: float = -math.inf, above: float = -math.inf, below: float = math.inf,
    high: float = math.inf,
) -> Any:  # fmt: skip
    """A finite number: at least `low`, above `above`, below `below`, at most `high`."""
    limits = (("at least", low), ("above", above), ("below", below), ("at most", high))
    bounds = " and ".join(f"{word} {bound:g}" for word, bound in limits if math.isfinite(bound))

    def read(name: str, value: Scalar) -> float:
        found = float(_finite(name, value))
        if not (low <= found <= high and above < found < below):
            raise ConfigurationError(f"parameter {name} must be {bounds}, not {value!r}")
        return found

    return _declared(default, read, summary, bounds)


def whole(default: int | None, summary: str, *, low: int) -> Any:
    """A whole number, at least `low`; 64.0 is one."""

    def read(name: str, value: Scalar) -> int:
        found = _finite(name, value)
        if found != int(found) or found < low:
            raise ConfigurationError(f"parameter {name} must be a whole number, at least {low}, not {value!r}")
        return int(found)

    return _declared(default, read, summary, f"whole, at least {low}")


def one_of(default: str, names: Sequence[str], summary: str, *, known_as: str = "") -> Any:
    """One of `names`. `known_as`: what studies call it, if not as the field."""

    def read(name: str, value: Scalar) -> str:
        if value not in names:
            raise ConfigurationError(f"parameter {name} must be one of {', '.join(names)}, not {value!r}")
        return str(value)

    return _declared(default, read, summary, _listed(names), known_as)


def combination(names: Sequence[str], summary: str) -> Any:
    """Some of `names`, each once, joined by "+" in the order in which they are done; "none" by default."""

    def read(name: str, value: Scalar) -> str:
        parts = str(value).split("+")
        if value != "none" and (not set(parts) <= set(names) or len(set(parts)) < len(parts)):
            raise ConfigurationError(
                f"parameter {name} must be none, or some of {', '.join(names)} joined by +, not {value!r}"
            )
        return str(value)

    return _declared("none", read, summary, "`none`, or some of " + _listed(names) + " joined by +")


def seed(summary: str, *, known_as: str) -> Any:
    """A whole number; none by default, which lets the trial's seed decide."""

    def read(name: str, value: Scalar | None) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < 0:
            raise ConfigurationError(f"parameter {name} must be a whole number, at least 0, not {value!r}")
        return int(value)

    return _declared(None, read, summary, "whole, at least 0", known_as)


def text(default: str, summary: str, *, known_as: str = "") -> Any:
    """Any text; who uses it checks it."""

    def read(name: str, value: Scalar) -> str:
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"parameter {name} must be a text, not {value!r}")
        return value

    return _declared(default, read, summary, "text", known_as)


def switch(summary: str, *, default: bool) -> Any:
    """True or false."""

    def read(name: str, value: Scalar) -> bool:
        if not isinstance(value, bool):
            raise ConfigurationError(f"parameter {name} must be true or false, not {value!r}")
        return value

    return _declared(default, read, summary, "true or false")


def name_of(declared: "Field[Any]") -> str:
    """What studies call the hyperparameter of this field."""
    return str(declared.metadata["known_as"] or declared.name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{each}`" for each in names)


def _declared(default: Scalar | None, read: Read, summary: str, values: str, known_as: str = "") -> Any:
    metadata = {"read": read, "summary": summary, "values": values, "known_as": known_as}
    return field(default=default, metadata=metadata)


def _finite(name: str, value: Scalar) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigurationError(f"parameter {name} must be a finite number, not {value!r}")
    return value
