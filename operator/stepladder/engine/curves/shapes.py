"""The eleven families with their linear parameters taken out, so that only the others have to be searched for.

Written as `coefficients . columns(x; shape parameters)`, after a change of scale for two of them, exp4, Janoschek and
Weibull are one and the same set of curves, and so are Hill3 and log power: eight shapes. They are fitted to curves
brought to one scale, of which the families without an additive constant (vapor pressure, log log linear, Hill3, log
power) mean something else than of an accuracy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from stepladder.engine.curves.families import Array


def _identity(y: Array) -> Array:
    return y


@dataclass(frozen=True)
class Shape:
    """Some families that are the same curves.

    `columns(x, *shape_parameters)`: arrays that broadcast x (points) with the parameters (grid, 1).
    `bounds`: of each shape parameter, with x counted in first evaluations, and `reach` times that at the horizon.
    `scale`: applied to the values before they are a sum of the columns; `slope`, its derivative; `back`, its inverse.
    """

    families: tuple[str, ...]
    columns: Callable[..., tuple[Array, ...]]
    bounds: Callable[[float], tuple[tuple[float, float], ...]]
    scale: Callable[[Array], Array] = _identity
    slope: Callable[[Array], Array] = np.ones_like
    back: Callable[[Array], Array] = _identity


EXPONENT: Final = (0.05, 6.0)


def _none(_reach: float) -> tuple[tuple[float, float], ...]:
    return ()


def _time_and_exponent(reach: float) -> tuple[tuple[float, float], ...]:
    return ((0.1, 3.0 * reach), EXPONENT)


SHAPES: Final = (
    Shape(
        ("vapor pressure",),
        lambda x: (np.ones_like(x), 1 / x, np.log(x)),
        _none,
        scale=np.log,
        slope=lambda y: 1 / y,
        back=np.exp,
    ),
    Shape(
        ("log log linear",),
        lambda x: (np.ones_like(x), np.log(x)),
        _none,
        scale=np.exp,
        slope=np.exp,
        back=lambda z: np.log(np.maximum(z, 1e-300)),
    ),
    Shape(("ilog2",), lambda x: (np.ones_like(x), 1 / np.log(x + 1)), _none),
    Shape(("pow3",), lambda x, alpha: (np.ones_like(x), x**-alpha), lambda _: (EXPONENT,)),
    Shape(("pow4",), lambda x, shift, alpha: (np.ones_like(x), (1 + x / shift) ** -alpha), _time_and_exponent),
    Shape(
        ("exp4", "Janoschek", "Weibull"),
        lambda x, time, delta: (np.ones_like(x), np.exp(-((x / time) ** delta))),
        _time_and_exponent,
    ),
    Shape(("MMF",), lambda x, time, delta: (np.ones_like(x), 1 / (1 + (x / time) ** delta)), _time_and_exponent),
    Shape(("Hill3", "log power"), lambda x, time, eta: (1 / (1 + (x / time) ** -eta),), _time_and_exponent),
)
