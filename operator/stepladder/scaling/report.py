"""What is said of a study's batch sizes: a table for people, an object for programs. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from stepladder.api.study import Direction
from stepladder.engine.batch_scaling import BatchScaling, Size
from stepladder.engine.critical_batch import FEWEST, Fit
from stepladder.engine.observed import TrialView
from stepladder.local.report import number

SPEED_ONLY: Final = (
    "Choose a batch size for its speed, never for the objective: with everything else tuned anew each size can come to"
    ' the same one (Tuning Playbook, "Choosing the batch size").'
)
_HEAD: Final = ("batch size", "steps to target", "examples", "perfect scaling", "with", "regime")


def lines(study: str, found: BatchScaling, objections: Sequence[str]) -> Iterator[str]:
    """For people."""
    metric, aim = found.objective.metric, "at most" if found.objective.direction is Direction.MINIMIZE else "at least"
    whose = ", which every size has reached (name another with --target)" if found.chosen else ""
    yield f"Batch sizes of study {study}: steps to {metric} of {aim} {number(found.target)}{whose}"
    yield ""
    yield from _table([(*_HEAD[:1], f"best {metric}", *_HEAD[1:]), *(_row(size, found.varied) for size in found.sizes)])
    yield ""
    yield estimate(found)
    yield SPEED_ONLY
    yield from (f"Mind: {objection}." for objection in objections)


def estimate(found: BatchScaling) -> str:
    """The critical batch size in a sentence, or why there is none."""
    fit = found.fit
    if fit is None:
        there = sum(size.reached is not None and size.reached.steps > 0 for size in found.sizes)
        return (
            f"The critical batch size cannot be estimated: {there} batch sizes came to the target by training,"
            f" and it takes {FEWEST} at least."
        )
    if fit.critical > fit.largest:
        return (
            f"The critical batch size is above {fit.largest}, the largest that came to the target: steps still fall"
            " almost as fast as batches grow. Try larger ones."
        )
    if fit.critical < fit.smallest:
        return (
            f"The critical batch size is below {fit.smallest}, the smallest that came to the target: larger batches"
            " save few steps. Try smaller ones."
        )
    low, high = fit.interval
    return (
        f"The critical batch size is about {fit.critical:.3g} ({low:.3g} to {high:.3g} within a standard error):"
        f" training takes at least {fit.min_steps:,.0f} steps however large the batch, and at least"
        f" {fit.min_examples:,.0f} examples however small; there it takes twice as many of both. Typically the sizes"
        f" lie {fit.deviation:.0%} off this curve."
    )


def summary(study: str, found: BatchScaling, objections: Sequence[str]) -> dict[str, Any]:
    """For programs."""
    return {
        "study": study,
        "metric": found.objective.metric,
        "direction": found.objective.direction,
        "target": found.target,
        "targetChosenByReport": found.chosen,
        "sizes": [_summed(size) for size in found.sizes],
        "fit": _fit(found.fit) if found.fit is not None else None,
        "estimate": estimate(found),
        "objections": list(objections),
    }


def _row(size: Size, varied: Sequence[str]) -> tuple[str, ...]:
    at = size.reached
    return (
        str(size.batch),
        number(size.value),
        "never" if at is None else f"{at.steps:,}",
        "" if size.examples is None else f"{size.examples:,}",
        "" if size.perfect is None else f"{size.perfect:,.0f}",
        _told(at.trial if at is not None else size.best, varied),
        size.regime or "",
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = len(widths) - 2  # where columns of text begin
    for row in rows:
        numbers = [cell.rjust(width) for cell, width in zip(row[:words], widths[:words], strict=True)]
        texts = [cell.ljust(width) for cell, width in zip(row[words:], widths[words:], strict=True)]
        yield f"  {'  '.join(numbers + texts)}".rstrip()


def _told(trial: TrialView, varied: Sequence[str]) -> str:
    return ", ".join(f"{name} {number(trial.parameters[name])}" for name in varied if name in trial.parameters)


def _summed(size: Size) -> dict[str, Any]:
    at = size.reached
    return {
        "batchSize": size.batch,
        "trials": len(size.trials),
        "best": {"trial": size.best.name, "parameters": dict(size.best.parameters), "value": size.value},
        "stepsToTarget": None if at is None else at.steps,
        "notYetAtStep": None if at is None else at.since,
        "examplesToTarget": size.examples,
        "first": None if at is None else {"trial": at.trial.name, "parameters": dict(at.trial.parameters)},
        "perfectScalingSteps": size.perfect,
        "regime": size.regime,
    }


def _fit(fit: Fit) -> dict[str, Any]:
    return {
        "criticalBatchSize": fit.critical if fit.measured else None,
        "interval": list(fit.interval) if fit.measured else None,
        "minSteps": fit.min_steps if fit.measured else None,
        "minExamples": fit.min_examples if fit.measured else None,
        "above": fit.largest if fit.critical > fit.largest else None,
        "below": fit.smallest if fit.critical < fit.smallest else None,
        "deviation": fit.deviation,
    }
