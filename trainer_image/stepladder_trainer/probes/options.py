"""What each probe can be told, checked before anything expensive happens. Names are those of the study's manifest."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from stepladder_trainer.outcomes import ConfigurationError

LONGEST_WARMUP_SHARE = 10  # the longest warmup tried by default is one in so many of the target's steps
GRID = (1e-4, 1.0, 5)  # of learning rates: least, greatest, how many
MOST_RATES = 64


@dataclass(frozen=True)
class LearningRateRange:
    """The learning rate rises from one bound to the other over the target's steps: by a factor, or by an amount."""

    min_learning_rate: float = 1e-7
    max_learning_rate: float = 10.0
    ramp: str = "Exponential"

    def __post_init__(self) -> None:
        _require(self.min_learning_rate > 0, "minLearningRate must be above 0")
        _require(self.min_learning_rate < self.max_learning_rate, "minLearningRate must be below maxLearningRate")
        _require(self.ramp in ("Exponential", "Linear"), "ramp must be Exponential or Linear")


@dataclass(frozen=True)
class Throughput:
    """Batch sizes are doubled from the smallest on, until the largest, the data set or the memory ends it."""

    min_batch_size: int = 8
    max_batch_size: int | None = None
    steps_per_batch_size: int = 20

    def __post_init__(self) -> None:
        _require(self.min_batch_size >= 1, "minBatchSize must be at least 1")
        _require(self.steps_per_batch_size >= 1, "stepsPerBatchSize must be at least 1")
        largest = self.max_batch_size
        _require(largest is None or largest >= self.min_batch_size, "minBatchSize must not exceed maxBatchSize")


@dataclass(frozen=True)
class Instability:
    """Multiples of the configuration's learning rate, each a run of the target's steps."""

    factors: tuple[float, ...] = (2.0, 5.0, 10.0)

    def __post_init__(self) -> None:
        _require(bool(self.factors) and min(self.factors) > 0, "factors must be numbers above 0, at least one")


@dataclass(frozen=True)
class Warmup:
    """A learning rate that is unstable, in multiples of the configuration's, and the lengths of warmup to try."""

    learning_rate_factor: float = 10.0
    warmup_steps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _require(self.learning_rate_factor > 0, "learningRateFactor must be above 0")
        _require(all(steps >= 1 for steps in self.warmup_steps), "warmupSteps must be at least 1 each")

    def lengths(self, target: int) -> tuple[int, ...]:
        """As given, ascending; else powers of ten from 10 up to a tenth of `target`, at least one. Raises
        ConfigurationError for one beyond `target`, which no training of that length has room for."""
        if self.warmup_steps:
            longest = max(self.warmup_steps)
            _require(longest <= target, f"warmupSteps {longest} is beyond the {target} steps of training: lower it")
            return tuple(sorted(set(self.warmup_steps)))
        longest = max(1, target // LONGEST_WARMUP_SHARE)
        found = [min(10, longest)]
        while found[-1] * 10 <= longest:
            found.append(found[-1] * 10)
        return tuple(found)


@dataclass(frozen=True)
class StepBudget:
    """The constant learning rates to sweep, each for the target's steps at most: a list, or else a grid, evenly spaced
    in the logarithm."""

    learning_rates: tuple[float, ...] = ()
    min_learning_rate: float | None = None
    max_learning_rate: float | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        grid = (self.min_learning_rate, self.max_learning_rate, self.count)
        _require(min(self.learning_rates, default=1) > 0, "learningRates must be numbers above 0")
        _require(
            not self.learning_rates or grid == (None, None, None),
            "learningRates and minLearningRate, maxLearningRate, count exclude each other: give the list, or the grid",
        )
        low, high, count = self._grid
        _require(low > 0, "minLearningRate must be above 0")
        _require(low < high, f"minLearningRate ({low:g}) must be below maxLearningRate ({high:g})")
        _require(2 <= count <= MOST_RATES, f"count must be from 2 to {MOST_RATES}")

    @property
    def rates(self) -> tuple[float, ...]:
        """All of them; the ends of a grid as they were written."""
        if self.learning_rates:
            return self.learning_rates
        low, high, count = self._grid
        rise = math.log10(high / low) / (count - 1)
        return (low, *(float(f"{low * 10 ** (rise * place):.6g}") for place in range(1, count - 1)), high)

    @property
    def _grid(self) -> tuple[float, float, int]:
        low, high, count = GRID
        return (
            low if self.min_learning_rate is None else self.min_learning_rate,
            high if self.max_learning_rate is None else self.max_learning_rate,
            count if self.count is None else self.count,
        )


@dataclass(frozen=True)
class Ensemble:
    """The trials of an earlier round that judge together, the best first: a study names them in the trial's document,
    somebody by hand as `checkpoints`."""

    members: int = 5
    checkpoints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self.members >= 1, "members must be at least 1")


@dataclass(frozen=True)
class Baseline:
    """The `validation_error` that is reasonable for an initial configuration; if it is not given, what is much better
    than chance."""

    reasonable_error: float | None = None

    def __post_init__(self) -> None:
        _require(self.reasonable_error is None or self.reasonable_error > 0, "reasonableError must be above 0")


Benched = LearningRateRange | Throughput | Instability | Warmup | StepBudget | Ensemble
Options = Benched | Baseline

PROBES: Mapping[str, type[Any]] = {
    kind.__name__: kind for kind in (LearningRateRange, Throughput, Instability, Warmup, StepBudget, Ensemble, Baseline)
}


def read(document: Mapping[str, Any]) -> Options:
    """The options in `{"type": ..., optionInCamelCase: ...}`. Raises ConfigurationError naming what is wrong."""
    kind = PROBES.get(document.get("type", ""))
    if kind is None:
        raise ConfigurationError(f"there is no probe {document.get('type')!r}: name one of {', '.join(PROBES)}")
    known = {_camel(field.name): field for field in fields(kind)}
    given: dict[str, Any] = {}
    for name, value in document.items():
        if name == "type" or value is None:
            continue
        if name not in known:
            raise ConfigurationError(f"probe {kind.__name__} has no option {name}: it knows {', '.join(known)}")
        default, annotation = getattr(kind, known[name].name), known[name].type
        given[known[name].name] = _typed(name, value, default, whole=_whole(annotation), texts="str" in str(annotation))
    options: Options = kind(**given)
    return options


def _typed(name: str, value: Any, default: object, *, whole: bool, texts: bool) -> Any:
    if isinstance(default, str):
        return value
    if isinstance(default, tuple):
        _require(isinstance(value, Sequence) and not isinstance(value, str), f"{name} must be a list, not {value!r}")
        if texts:
            return tuple(map(str, value))
        return tuple(_number(name, item, whole=whole) for item in value)
    return _number(name, value, whole=whole)


def _number(name: str, value: Any, *, whole: bool) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    _require(good and (not whole or value == int(value)), f"{name} must hold {'whole ' * whole}numbers, not {value!r}")
    return int(value) if whole else float(value)


def _whole(annotation: Any) -> bool:
    return "float" not in str(annotation)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _require(holds: bool, sentence: str) -> None:  # noqa: FBT001  the condition is what it is about
    if not holds:
        raise ConfigurationError(f"probe: {sentence}")
