"""Learning curves that somebody has recorded, and their file: JSON lines, one configuration each."""

import json
import math
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

from stepladder.api.model import Scalar
from stepladder.api.rounds import MAX_STEPS
from stepladder.control.observing import finite

_FIELDS = ("parameters", "steps", "values", "seconds")


class Refused(ValueError):
    """The curves cannot stand in for the study's trials: a sentence that says where, why, and what to do."""


@dataclass(frozen=True)
class Curve:
    """The objective of one configuration at `steps` (ascending), up to where it diverged, and the time it took."""

    line: int  # of the file, counted from 1
    parameters: Mapping[str, Scalar]
    steps: tuple[int, ...]  # of the finite evaluations
    values: tuple[float, ...]  # finite, one for each of `steps`
    diverged: int | None  # the step at which it was found to have diverged
    times: tuple[tuple[int, float], ...]  # (step, seconds of training up to it), from (0, 0), ascending

    def count(self, step: int) -> int:
        """How many evaluations there are up to `step`."""
        return bisect_right(self.steps, step)

    def at(self, step: int) -> float | None:
        """The newest evaluation at or before `step`; None if there is none."""
        found = self.count(step)
        return self.values[found - 1] if found else None

    def seconds(self, step: int) -> float:
        """Seconds of training up to `step`: linear between the steps whose time is known, and beyond the last."""
        place = min(max(bisect_left(self.times, (step,)), 1), len(self.times) - 1)
        (step0, time0), (step1, time1) = self.times[place - 1], self.times[place]
        return time0 + (step - step0) * ((time1 - time0) / (step1 - step0))

    def step(self, seconds: float) -> int:
        """Whole steps that are done after so many seconds of training."""
        place = min(max(bisect_left(self.times, seconds, key=lambda t: t[1]), 1), len(self.times) - 1)
        (step0, time0), (step1, time1) = self.times[place - 1], self.times[place]
        if time1 <= time0:
            return step1
        done = step0 + (seconds - time0) / (time1 - time0) * (step1 - step0)
        # The seconds come out of sums and differences of floats: a step that is there up to rounding is there.
        return math.floor(done + max(1e-6, done * 1e-12))


def read(name: str, text: str, metric: str, seconds_per_step: float) -> tuple[Curve, ...]:
    """The curves of `metric` in a file of this name and content. Raises Refused with the file and the line.

    A line's `seconds` are the seconds of one step, or those of training up to each of `steps`; a line without takes
    `seconds_per_step`.
    """
    curves = tuple(
        _Line(name, number, line).curve(metric, seconds_per_step)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    )
    if not curves:
        raise Refused(f"{name}: holds no curve: give one JSON object per line, with parameters, steps and values")
    return curves


@dataclass(frozen=True)
class _Line:
    name: str
    number: int
    text: str

    def curve(self, metric: str, seconds_per_step: float) -> Curve:
        found = self._object()
        steps = self._steps(found.get("steps"))
        values = self._values(found.get("values"), metric, len(steps))
        finite = next((place for place, value in enumerate(values) if value is None), len(values))
        return Curve(
            line=self.number,
            parameters=self._parameters(found.get("parameters")),
            steps=steps[:finite],
            values=tuple(value for value in values[:finite] if value is not None),
            diverged=steps[finite] if finite < len(steps) else None,
            times=tuple(self._times(found.get("seconds", seconds_per_step), steps)),
        )

    def _refuse(self, sentence: str) -> NoReturn:
        raise Refused(f"{self.name}:{self.number}: {sentence}")

    def _object(self) -> dict[str, Any]:
        try:
            found = json.loads(self.text, parse_constant=self._no_constant)
        except RecursionError:
            self._refuse("is nested too deeply: see whether a bracket is left open")
        except json.JSONDecodeError as error:
            self._refuse(f"is not JSON ({error.msg} at character {error.pos + 1}): give one whole object per line")
        except Refused:
            raise
        except ValueError as error:  # a number of thousands of digits
            self._refuse(f"cannot be read: {error}")
        if not isinstance(found, dict):
            self._refuse("is not a JSON object: give one with parameters, steps and values")
        for field in found:
            if field not in _FIELDS:
                self._refuse(f"has the unknown field {field!r}: the fields are {', '.join(_FIELDS)}")
        return found

    def _no_constant(self, constant: str) -> NoReturn:
        self._refuse(f"holds {constant}, which is not JSON: write null for a value that is not finite")

    def _parameters(self, found: Any) -> dict[str, Scalar]:
        if not isinstance(found, dict):
            self._refuse('parameters is missing: give an object such as {"learning_rate": 0.1}')
        for name, value in found.items():
            if isinstance(value, dict | list) or (
                isinstance(value, int | float) and not abs(value) <= sys.float_info.max
            ):
                self._refuse(f"parameters.{name} is neither a finite number, a string nor a boolean: give one")
        return {name: value for name, value in found.items() if value is not None}

    def _steps(self, found: Any) -> tuple[int, ...]:
        if not isinstance(found, list) or not found:
            self._refuse("steps is missing: list the steps at which the curve was evaluated, ascending")
        if not all(_number(step) and 0 <= step <= MAX_STEPS and step == int(step) for step in found):
            self._refuse("steps holds something other than whole numbers from 0: count optimizer steps, or epochs")
        if any(a >= b for a, b in pairwise(found)):
            self._refuse("steps does not ascend: sort the evaluations, and give each step once")
        if found[-1] < 1:
            self._refuse("steps ends at 0, where nothing is trained: give evaluations after training")
        return tuple(map(int, found))

    def _values(self, found: Any, metric: str, count: int) -> tuple[float | None, ...]:
        if not isinstance(found, dict) or metric not in found:
            there = f"there is {', '.join(found)}" if isinstance(found, dict) and found else "there is none"
            self._refuse(f"values has no {metric}, which is the study's objective.metric ({there}): add its values")
        values = found[metric]
        if not isinstance(values, list) or not all(value is None or _number(value) for value in values):
            self._refuse(f"values.{metric} is not a list of numbers: write null for a value that is not finite")
        if len(values) != count:
            self._refuse(f"values.{metric} has {len(values)} values for {count} steps: give one for each step")
        return tuple(map(finite, values))  # as of a real trainer: 1e300 has diverged, too

    def _times(self, found: Any, steps: tuple[int, ...]) -> Iterator[tuple[int, float]]:
        yield 0, 0.0
        if _number(found):
            if found <= 0:
                self._refuse("seconds is not above 0: give the seconds that one step takes")
            yield steps[-1], float(found) * steps[-1]
            return
        if not isinstance(found, list) or len(found) != len(steps) or not all(map(_number, found)):
            self._refuse("seconds fits neither a step nor all: give a number, or a list with the time of each of steps")
        if found[0] < 0 or any(a >= b for a, b in pairwise(found)):
            self._refuse("seconds does not ascend: give the seconds of training up to each of steps, from the start")
        yield from ((step, float(time)) for step, time in zip(steps, found, strict=True) if step > 0)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
