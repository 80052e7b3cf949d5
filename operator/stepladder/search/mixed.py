"""The solutions of CatCMAwM, the CMA-ES for numbers, whole numbers and choices at once, as configurations.

CMA-ES walks in quantiles of each axis, so that every scale and bell curve is walked as it was asked for.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from cmaes import CatCMAwM

from stepladder.api.model import Scalar
from stepladder.search.axis import Axis, Floats

SIGMA = 0.25
"""Standard deviation at the start, as a part of each range."""
_GRIDDED = 64
"""A parameter with more values than these is walked as if it were continuous."""


class MixedSpace:
    """The tuned parameters that have more than one value, by kind. Those with two values are choices to CMA-ES."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self._continuous: list[Axis] = []
        self._gridded: list[Axis] = []
        self._chosen: list[Axis] = []
        self._grids: dict[str, list[float]] = {}
        for axis in axes:
            quantiles = self._grids[axis.name] = _grid(axis)
            if len(quantiles) == 1:
                continue
            if axis.choices is not None or len(quantiles) == 2:
                self._chosen.append(axis)
            else:
                (self._gridded if 0 < len(quantiles) <= _GRIDDED else self._continuous).append(axis)

    @property
    def numeric(self) -> int:
        """How many coordinates of a solution are numbers."""
        return len(self._continuous) + len(self._gridded)

    @property
    def dimensions(self) -> int:
        """How many parameters there are to walk."""
        return self.numeric + len(self._chosen)

    def optimizer(self, start: Mapping[str, Scalar], seed: int, population: int) -> CatCMAwM:
        """A CMA-ES that begins around `start`, in the middle where that says nothing."""
        walked = [*self._continuous, *self._gridded]
        mean = np.array([axis.uniform(start[axis.name]) if axis.name in start else 0.5 for axis in walked])
        return CatCMAwM(
            x_space=[[0.0, 1.0]] * len(self._continuous) or None,
            z_space=[self._grids[axis.name] for axis in self._gridded] or None,
            c_space=[len(self._grids[axis.name]) for axis in self._chosen] or None,
            population_size=population,
            mean=mean if walked else None,
            sigma=SIGMA,
            cov=np.eye(len(walked)),
            seed=seed,
        )

    def values(self, solution: CatCMAwM.Solution) -> dict[str, Scalar]:
        """What a solution stands for: a value of every parameter, also of those that its others make inactive."""
        found: dict[str, Scalar] = {}
        for axes, quantiles in ((self._continuous, solution.x), (self._gridded, solution.z)):
            for axis, quantile in zip(axes, () if quantiles is None else quantiles, strict=True):
                found[axis.name] = axis.value(float(quantile))
        for axis, row in zip(self._chosen, () if solution.c is None else solution.c, strict=True):
            found[axis.name] = axis.value(self._grids[axis.name][int(np.argmax(row))])
        return found

    def ran(self, asked: CatCMAwM.Solution, configuration: Mapping[str, Scalar]) -> CatCMAwM.Solution:
        """The solution to tell of when `configuration` was run in place of `asked`.

        Its coordinates are those asked for where they stand for the values that were run, or for nothing that was.
        """
        meant = self.values(asked)
        other = {name for name, value in meant.items() if name in configuration and configuration[name] != value}
        if not other:
            return asked
        raw = self.coordinates(asked).copy()
        for place, axis in enumerate([*self._continuous, *self._gridded]):
            if axis.name in other:
                raw[place] = axis.uniform(configuration[axis.name])
        chosen = None if asked.c is None else asked.c.copy()
        for place, axis in enumerate(self._chosen):
            if chosen is not None and axis.name in other:
                away = np.abs(np.array(self._grids[axis.name]) - axis.uniform(configuration[axis.name]))
                chosen[place] = np.arange(chosen.shape[1]) == np.argmin(away)
        return CatCMAwM.Solution(x=asked.x, z=asked.z, c=chosen, _v_raw=raw)

    def coordinates(self, solution: CatCMAwM.Solution) -> Floats:
        """Where a solution lies before it is clipped to the ranges and rounded to values."""
        raw: Floats | None = solution._v_raw  # noqa: SLF001  what the library is told by, and has no public name for
        return np.empty(0) if raw is None else raw


def _grid(axis: Axis) -> list[float]:
    """The quantiles of an axis's values; empty where they are continuous."""
    if axis.choices is not None:
        return [(i + 0.5) / len(axis.choices) for i in range(len(axis.choices))]
    d = axis.numeric
    if d.low == d.high:
        return [0.5]
    if d.step is None:
        return []
    count = round((d.high - d.low) / d.step) + 1
    return [axis.uniform(d.low + i * d.step) for i in range(min(count, _GRIDDED + 1))]
