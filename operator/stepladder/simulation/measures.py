"""What a simulated study comes to, in numbers; and the same in the middle of many."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from statistics import median
from typing import Any

from stepladder.api.study import Direction, TuningStudySpec
from stepladder.engine.observed import better
from stepladder.engine.ranking import incumbent
from stepladder.simulation.segment import Segment
from stepladder.simulation.study import Ending


@dataclass(frozen=True)
class Measures:
    """One study. None where there is nothing to measure: the target was never met, no value was finite."""

    steps_to_target: float | None  # of all workers, at the moment of the evaluation that met it
    wall_seconds_to_target: float | None
    trained_steps: float
    wall_seconds: float
    gpu_hours: float
    best: float | None
    trials: float
    idle_slot_seconds: float  # slots that were free while the round had runs to start
    free_slot_seconds: float  # slots that were free, for whatever reason


@dataclass(frozen=True)
class Improvement:
    """A moment at which the study's best became better."""

    trained_steps: int
    wall_seconds: float
    best: float
    regret: float  # how far the best is from the table's


def measure(spec: TuningStudySpec, ending: Ending) -> Measures:
    """The measures of a study that is over."""
    best = incumbent(spec, ending.trials)
    meeting = _meeting(spec, ending.segments)
    held = sum(segment.until - segment.began for segment in ending.segments)
    return Measures(
        steps_to_target=None if meeting is None else _trained(ending.segments, meeting),
        wall_seconds_to_target=meeting,
        trained_steps=sum(trial.trained_steps for trial in ending.trials),
        wall_seconds=ending.wall_seconds,
        gpu_hours=sum(trial.gpu_seconds for trial in ending.trials) / 3600,
        best=None if best is None or best.best is None else best.best.value,
        trials=len(ending.trials),
        idle_slot_seconds=ending.idle_slot_seconds,
        free_slot_seconds=max(0.0, spec.parallelism * ending.wall_seconds - held),
    )


def medians(found: Sequence[Measures]) -> Measures:
    """The median of each measure. A target that was never met counts as met never; so may the median be None."""
    middle: dict[str, Any] = {f.name: _median([getattr(m, f.name) for m in found]) for f in fields(Measures)}
    return Measures(**middle)


def trace(spec: TuningStudySpec, ending: Ending, optimum: float) -> tuple[Improvement, ...]:
    """Every improvement of the study's best, in order. `optimum` is the best of the whole table."""
    found: list[Improvement] = []
    for when, value in sorted(_evaluations(ending.segments), key=lambda e: (e[0], _rank(spec, e[1]))):
        if not found or better(spec.objective.direction, value, found[-1].best):
            steps = _trained(ending.segments, when)
            found.append(Improvement(steps, when, value, abs(value - optimum)))
    return tuple(found)


def _evaluations(segments: Sequence[Segment]) -> Iterator[tuple[float, float]]:
    """(time, objective) of all evaluations that were made."""
    for segment in segments:
        curve = segment.curve
        for place in range(_first(segment), curve.count(segment.to_step)):
            yield segment.time(curve.steps[place]), curve.values[place]


def _first(segment: Segment) -> int:
    """The first evaluation of the segment; one at step 0 is the first segment's."""
    return segment.curve.count(segment.from_step) if segment.from_step else 0


def _meeting(spec: TuningStudySpec, segments: Sequence[Segment]) -> float | None:
    target = spec.objective.target
    if target is None:
        return None
    direction = spec.objective.direction
    return min((when for when, value in _evaluations(segments) if not better(direction, target, value)), default=None)


def _trained(segments: Sequence[Segment], now: float) -> int:
    return sum(segment.trained(now) for segment in segments)


def _rank(spec: TuningStudySpec, value: float) -> float:
    return value if spec.objective.direction is Direction.MINIMIZE else -value


def _median(values: Sequence[float | None]) -> float | None:
    middle = median(math.inf if value is None else value for value in values)
    return middle if math.isfinite(middle) else None
