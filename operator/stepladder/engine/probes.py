"""What a probe is told to do, spelled out, and what that costs."""

from collections.abc import Mapping
from math import log10
from typing import Final

from pydantic import JsonValue

from stepladder.api.probes import (
    Baseline,
    Ensemble,
    Instability,
    LearningRateRange,
    Probe,
    ProbeType,
    StepBudget,
    Throughput,
    Warmup,
)

_SHORTEST_WARMUP: Final = 10
_WARMUP_SHARE: Final = 10  # the longest warmup tried is one in so many of maxSteps
_GRID: Final = (1e-4, 1.0, 5)  # of StepBudget: least, greatest, count
_DOUBLINGS: Final = 20  # of a batch size whose end only memory knows


SUGGESTIONS: Final[Mapping[ProbeType, frozenset[str]]] = {
    ProbeType.LEARNING_RATE_RANGE: frozenset(
        ("learning_rate", "minimum/10", "steepest", "valley", "min_learning_rate", "max_learning_rate")
    ),
    ProbeType.THROUGHPUT: frozenset(("batch_size", "largest_batch_size", "examples_per_second", "seconds_per_step")),
    ProbeType.INSTABILITY: frozenset(("unstable_factor", "unstable_learning_rate", "stable_factor", "gradient_clip")),
    ProbeType.WARMUP: frozenset(("warmup_steps", "learning_rate", "max_train_steps")),
    ProbeType.STEP_BUDGET: frozenset(("max_train_steps", "learning_rate")),
    ProbeType.ENSEMBLE: frozenset(
        ("ensemble", "best_member", "gain", "members", "averaged_weights", "test_ensemble", "test_best_member")
    ),
    ProbeType.BASELINE: frozenset(
        ("validation_error", "best_step", "chance", "reasonable_error", "steps", "seconds_per_step")
    ),
}
"""What a verdict of each type may suggest (docs/probes.md)."""


def options(probe: Probe, max_steps: int) -> dict[str, JsonValue]:
    """The type and every option by its name, defaults and grids spelled out, so that a trainer need not know them."""
    settings: LearningRateRange | Throughput | Instability | Warmup | StepBudget | Ensemble
    match probe.type:
        case ProbeType.LEARNING_RATE_RANGE:
            settings = probe.learning_rate_range or LearningRateRange()
        case ProbeType.THROUGHPUT:
            settings = probe.throughput or Throughput()
        case ProbeType.INSTABILITY:
            settings = probe.instability or Instability()
        case ProbeType.WARMUP:
            settings = probe.warmup or Warmup()
            settings = settings.model_copy(update={"warmup_steps": _warmups(settings, max_steps)})
        case ProbeType.STEP_BUDGET:
            settings = StepBudget(learning_rates=_learning_rates(probe.step_budget or StepBudget()))
        case ProbeType.ENSEMBLE:
            settings = probe.ensemble or Ensemble()
        case ProbeType.BASELINE:
            reasonable = (probe.baseline or Baseline()).reasonable_error  # what is required is no matter of the trainer
            return {"type": probe.type.value} | ({} if reasonable is None else {"reasonableError": reasonable})
    return {"type": probe.type.value, **settings.wire()}


def steps(probe: Probe, max_steps: int) -> tuple[int, bool]:
    """Steps that one trial of the probe takes at most, and whether it takes as many if nothing ends it early."""
    match probe.type:
        case ProbeType.LEARNING_RATE_RANGE:
            return max_steps, True
        case ProbeType.THROUGHPUT:
            given = probe.throughput or Throughput()
            largest = given.max_batch_size or given.min_batch_size << _DOUBLINGS
            sizes = (largest // given.min_batch_size).bit_length()
            return sizes * given.steps_per_batch_size, given.max_batch_size is not None
        case ProbeType.INSTABILITY:
            return max_steps * len((probe.instability or Instability()).factors), True
        case ProbeType.WARMUP:
            return sum(3 * warmup for warmup in _warmups(probe.warmup or Warmup(), max_steps)), True
        case ProbeType.STEP_BUDGET:
            return max_steps * len(_learning_rates(probe.step_budget or StepBudget())), False
        case ProbeType.ENSEMBLE:
            return 0, True  # nothing is trained
        case ProbeType.BASELINE:
            return max_steps, True


def members(probe: Probe | None) -> int:
    """How many trials of an earlier round the probe takes the models of."""
    return (probe.ensemble or Ensemble()).members if probe is not None and probe.type is ProbeType.ENSEMBLE else 0


def _warmups(given: Warmup, max_steps: int) -> tuple[int, ...]:
    """As given, else powers of ten from 10 up to a tenth of `max_steps`; at least one."""
    if given.warmup_steps:
        return given.warmup_steps
    longest = max(max_steps // _WARMUP_SHARE, 1)
    found = [min(_SHORTEST_WARMUP, longest)]
    while found[-1] * 10 <= longest:
        found.append(found[-1] * 10)
    return tuple(found)


def _learning_rates(given: StepBudget) -> tuple[float, ...]:
    """As given, else the grid, evenly spaced in the logarithm, its ends as they were written."""
    if given.learning_rates:
        return given.learning_rates
    low = given.min_learning_rate or _GRID[0]
    high = given.max_learning_rate or _GRID[1]
    count = given.count or _GRID[2]
    rise = log10(high / low) / (count - 1)
    between = (float(f"{low * 10 ** (rise * place):.6g}") for place in range(1, count - 1))
    return (low, *between, high)
