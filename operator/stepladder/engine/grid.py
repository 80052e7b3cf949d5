"""Grids over spaces with conditions: how many values a parameter has on one, and its cells, which are never listed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import prod

from stepladder.api.model import Scalar
from stepladder.api.study import Parameter
from stepladder.engine.extents import extent
from stepladder.engine.space import holds, parents_first


def places(parameter: Parameter, points: int) -> int:
    """How many values a tuned parameter has on a grid: all of its choices or steps, `points` of what has neither."""
    values = extent(parameter).values
    stepped = any(given is not None and given.step is not None for given in (parameter.float_, parameter.int_))
    return values if values is not None and (parameter.categorical or stepped) else few(parameter, points)


def few(parameter: Parameter, points: int) -> int:
    """How many values of a tuned parameter are tried where `points` numbers are enough: all choices, and no number
    twice."""
    values = extent(parameter).values
    return values if values is not None and parameter.categorical else min(points, values or points)


class Cells:
    """All combinations of values, in the order of an odometer whose last wheels turn fastest.

    A parameter is a wheel only where it exists, so that two cells never differ in a parameter that makes no difference.
    Parameters form trees, each below the one that its `when` names: the cells of a tree are counted from its leaves,
    and a cell is found by its number in time linear in the parameters and their values.
    """

    def __init__(self, parameters: Sequence[Parameter], values: Mapping[str, Sequence[Scalar]]) -> None:
        """`values`: those of each tuned parameter. Raises ValueError for circular conditions."""
        self._values: dict[str, Sequence[Scalar]] = {}
        self._below: dict[str | None, list[Parameter]] = defaultdict(list)
        for parameter in parents_first(parameters):
            self._below[parameter.when.parameter if parameter.when else None].append(parameter)
            fixed = parameter.value
            self._values[parameter.name] = values[parameter.name] if fixed is None else (fixed,)
        self._shares: dict[str, list[int]] = {}  # by parameter: cells of its tree, for each of its values
        for parameter in reversed(parents_first(parameters)):
            name = parameter.name
            self._shares[name] = [self._product(self._beside(name, value)) for value in self._values[name]]
        self.size = self._product(self._below[None])

    def __getitem__(self, number: int) -> dict[str, Scalar]:
        """The configuration of cell `number`, in [0, size): the parameters that exist in it, fixed ones too."""
        cell: dict[str, Scalar] = {}
        self._place(self._below[None], number, cell)
        return cell

    def _beside(self, name: str, value: Scalar) -> list[Parameter]:
        """The parameters that this value brings about."""
        return [child for child in self._below[name] if holds(child.when, {name: value})]

    def _product(self, wheels: Sequence[Parameter]) -> int:
        return prod(sum(self._shares[wheel.name]) for wheel in wheels)

    def _place(self, wheels: Sequence[Parameter], number: int, cell: dict[str, Scalar]) -> None:
        for wheel in reversed(wheels):
            number, rest = divmod(number, sum(self._shares[wheel.name]))
            for value, share in zip(self._values[wheel.name], self._shares[wheel.name], strict=True):
                if rest < share:
                    cell[wheel.name] = value
                    self._place(self._beside(wheel.name, value), rest, cell)
                    break
                rest -= share


def cells(parameters: Sequence[Parameter], points: int) -> int:
    """How many cells a grid over these parameters has."""
    # Which numbers they are does not matter: conditions name choices and fixed values only.
    return Cells(parameters, {p.name: _stand_ins(p, points) for p in parameters if p.value is None}).size


def _stand_ins(parameter: Parameter, points: int) -> Sequence[Scalar]:
    return parameter.categorical.values if parameter.categorical else range(places(parameter, points))
