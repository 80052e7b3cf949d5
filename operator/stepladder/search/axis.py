"""One tuned parameter as an axis: its Optuna distribution, and its values laid out evenly over [0, 1).

Optuna has no distribution for bell curves, nor for a logarithm of 1 - x. To its storage they are plain ranges of the
value between its ends (logarithmic for `logNormal`), so that what is recorded is the value itself. Our samplers
draw by `Axis.value` and model by `Axis.position`, and so walk every scale as it was asked for. Optuna's own samplers
model in the coordinates of the distribution: one that builds on them has to hand them `position` in place of the value,
or it walks `LogOneMinus` linearly and takes a bell curve for a plain range.
"""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from stepladder.api.model import Scalar
from stepladder.api.study import FloatRange, IntRange, LogNormal, Normal, Parameter, Scale
from stepladder.engine.extents import whole_steps
from stepladder.engine.space import same
from stepladder.search.curves import Curve, Floats, curve

__all__ = ["Axis", "Distribution", "Floats"]

Distribution = FloatDistribution | IntDistribution | CategoricalDistribution


class Axis:
    """The values of one tuned parameter.

    A uniform number in [0, 1) stands for a value by the inverse of the parameter's distribution function: even on the
    parameter's scale, by its bell curve where it has one, every whole number, step or choice with an equal share.
    """

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        self.name = parameter.name
        self._curve = _curve(parameter)
        self.distribution: Distribution = _distribution(parameter, self._curve)

    @property
    def numeric(self) -> FloatDistribution | IntDistribution:
        """The distribution of a numeric parameter. Raises TypeError for a categorical one."""
        if isinstance(self.distribution, CategoricalDistribution):
            raise TypeError(f"parameter {self.name} is categorical: it has no ends")
        return self.distribution

    @property
    def choices(self) -> tuple[Scalar, ...] | None:
        """The choices of a categorical parameter."""
        return self.parameter.categorical.values if self.parameter.categorical else None

    def value(self, uniform: float) -> Scalar:
        """The value that a uniform number in [0, 1) stands for."""
        if self.choices is not None:
            return self.choices[int(self.index(uniform))]
        number = float(self.numbers(uniform))
        if isinstance(self.distribution, IntDistribution):
            return round(number)
        d = self.numeric
        return number if d.step is None else _on_grid(d.low, d.step, number)

    def index(self, uniform: ArrayLike) -> NDArray[np.int64]:
        """Which choice each uniform number stands for."""
        count = len(self.choices or ())
        indices: NDArray[np.int64] = np.minimum(np.floor(np.asarray(uniform) * count), count - 1).astype(np.int64)
        return indices

    def numbers(self, uniform: ArrayLike) -> Floats:
        """The numeric values that uniform numbers stand for."""
        u, d = np.asarray(uniform, dtype=np.float64), self.numeric
        if d.log and isinstance(d, IntDistribution):
            # Half a unit on either side, so that the ends get the share of the log axis that rounding gives the rest.
            return np.clip(np.rint(np.exp(_between(np.log(d.low - 0.5), np.log(d.high + 0.5), u))), d.low, d.high)
        if self._curve is not None:
            return self._curve.numbers(u)
        assert d.step is not None  # noqa: S101  for the type checker: what has no step is a curve
        count = _values(d.low, d.high, d.step)
        return np.minimum(d.low + d.step * np.minimum(np.floor(u * count), count - 1), d.high)

    def position(self, number: ArrayLike) -> Floats:
        """Where numeric values lie between the ends of the range, in [0, 1], on the axis's scale."""
        if self._curve is not None:
            return self._curve.position(number)
        d, numbers = self.numeric, np.asarray(number, dtype=np.float64)
        if d.low == d.high:
            return np.full(numbers.shape, 0.5)
        if d.log:
            return np.asarray(np.log(numbers / d.low) / np.log(d.high / d.low))
        return (numbers - d.low) / (d.high - d.low)

    def uniform(self, value: Scalar) -> float:
        """A uniform number that stands for `value`."""
        return float(self.uniforms([value])[0])

    def uniforms(self, values: Sequence[Scalar]) -> Floats:
        """Uniform numbers that stand for `values`: each the middle of its share."""
        if self.choices is not None:
            return (np.array([self.internal(value) for value in values], dtype=np.float64) + 0.5) / len(self.choices)
        d, numbers = self.numeric, np.array(values, dtype=np.float64)
        if d.log and isinstance(d, IntDistribution):
            return np.asarray(np.log(numbers / (d.low - 0.5)) / np.log((d.high + 0.5) / (d.low - 0.5)))
        if self._curve is not None:
            return self._curve.uniform(numbers)
        assert d.step is not None  # noqa: S101  for the type checker: what has no step is a curve
        return np.asarray(((numbers - d.low) / d.step + 0.5) / _values(d.low, d.high, d.step))

    def internal(self, value: Scalar) -> float:
        """The number by which Optuna stores `value`."""
        distribution: BaseDistribution = self.distribution
        return distribution.to_internal_repr(value)

    def recorded(self, value: Scalar) -> Scalar | None:
        """`value` in the parameter's own type, since JSON writes 1.0 as 1; None where the range does not hold it."""
        if self.choices is not None:
            return next((choice for choice in self.choices if same(choice, value)), None)
        if isinstance(value, bool | str):
            return None
        d = self.numeric
        inside = d.low <= value <= d.high
        if isinstance(d, IntDistribution):
            return int(value) if inside and value == int(value) and (value - d.low) % d.step == 0 else None
        if d.step is not None:
            inside = inside and abs((steps := (value - d.low) / d.step) - round(steps)) < 1e-8  # Optuna's own tolerance
        return float(value) if inside else None


def _values(low: float, high: float, step: float) -> int:
    return round((high - low) / step) + 1


def _between(low: float, high: float, u: Floats) -> Floats:
    return low + (high - low) * u


def _on_grid(low: float, step: float, number: float) -> float:
    """The grid's value in the decimals in which people wrote it: 0.3, not 0.30000000000000004."""
    start, width = Decimal(str(low)), Decimal(str(step))
    return float(start + width * round((number - low) / step))


def _curve(parameter: Parameter) -> Curve | None:
    """The curve of continuous values; None for whole numbers, steps and choices."""
    match parameter:
        case Parameter(float_=FloatRange(step=None) as values) | Parameter(normal=Normal() as values):
            return curve(values)
        case Parameter(log_normal=LogNormal() as values):
            return curve(values)
    return None


def _distribution(parameter: Parameter, continuous: Curve | None) -> Distribution:
    if continuous is not None:
        return FloatDistribution(continuous.low, continuous.high, log=continuous.scale is Scale.LOG)
    match parameter:
        case Parameter(float_=FloatRange(step=float(step)) as r):
            return FloatDistribution(
                r.min, _on_grid(r.min, step, r.min + step * whole_steps(r.min, r.max, step)), step=step
            )
        case Parameter(int_=IntRange() as r):
            step = r.step or 1
            return IntDistribution(r.min, r.min + (r.max - r.min) // step * step, log=r.scale is Scale.LOG, step=step)
        case Parameter(categorical=choice) if choice is not None:
            return CategoricalDistribution(choice.values)
    raise ValueError(f"parameter {parameter.name} has a value and no range: it is not tuned")
