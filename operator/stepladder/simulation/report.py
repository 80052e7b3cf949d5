"""The answers of all seeds, for programs and for people."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from pydantic.alias_generators import to_camel

from stepladder.simulation.measures import Measures, medians
from stepladder.simulation.seeds import Answer

_COLUMNS: Final = (
    ("to target", "steps_to_target"),
    ("trained", "trained_steps"),
    ("seconds to target", "wall_seconds_to_target"),
    ("seconds", "wall_seconds"),
    ("GPU-hours", "gpu_hours"),
    ("idle slot-seconds", "idle_slot_seconds"),
    ("trials", "trials"),
    ("best", "best"),
)


def summary(answers: Sequence[Answer], *, traced: bool = False) -> dict[str, Any]:
    """The object that `stepladder simulate --output json` prints."""
    seeds = []
    for answer in answers:
        seed = {"seed": answer.seed, **_wire(answer.measures), "reason": answer.reason}
        if traced:
            seed["trace"] = [{to_camel(name): value for name, value in asdict(i).items()} for i in answer.trace]
        seeds.append(seed)
    return {"seeds": seeds, "median": _wire(medians([answer.measures for answer in answers]))}


def lines(answers: Sequence[Answer]) -> list[str]:
    """A table, one row per seed and the median."""
    rows = [["seed", *(title for title, _ in _COLUMNS), "ended"]]
    rows += [[str(answer.seed), *_cells(answer.measures), answer.reason] for answer in answers]
    rows.append(["median", *_cells(medians([answer.measures for answer in answers])), ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in rows]


def _wire(measures: Measures) -> dict[str, Any]:
    return {to_camel(name): _whole(value) for name, value in asdict(measures).items()}


def _whole(value: float | None) -> float | int | None:
    return int(value) if value is not None and value == int(value) else value


def _cells(measures: Measures) -> list[str]:
    return ["-" if (value := getattr(measures, name)) is None else _number(value) for _, name in _COLUMNS]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
    return [*cells[:-1], row[-1]]
