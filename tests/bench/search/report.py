"""The figures of a race as Markdown tables, JSON and plots."""

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.search.contestants import CONTESTANTS
from bench.search.measures import Results, Row, rows

REFERENCE = CONTESTANTS[0].name
NEVER = "never"


def write(results: Sequence[Results], folder: Path) -> None:
    """`rows.json`, `tables.md` and, where matplotlib is installed, a plot per table, into `folder`."""
    found = rows(results, REFERENCE)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.json").write_text(json.dumps([_finite(asdict(row)) for row in found], indent=1))
    (folder / "tables.md").write_text(markdown(found))
    try:
        from bench.search import plots
    except ModuleNotFoundError as error:
        print(f"no plots: {error}")
        return
    plots.write(results, folder)


def markdown(found: Sequence[Row]) -> str:
    """A table over all problems, then one for each."""
    names = [c.name for c in CONTESTANTS if any(row.contestant == c.name for row in found)]
    problems = sorted({row.problem for row in found})
    parts = ["### Over all tables\n", _overall(found, names, problems)]
    for problem in problems:
        of_it = {row.contestant: row for row in found if row.problem == problem}
        parts += [f"\n### {problem}\n", _table(_HEAD, [_cells(of_it[name]) for name in names if name in of_it])]
    return "\n".join(parts) + "\n"


_HEAD = ("tuner", "full runs to target", "random's over it", "seeds that met it", "regret", "CPU s per study",
         "time at 16 workers", "16 workers' speed-up")  # fmt: skip


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.contestant,
        _number(row.runs_to_target),
        _number(row.gain),
        f"{row.reached:.0%}",
        _number(row.regret),
        _number(row.cpu_seconds),
        _number(row.wall),
        _number(row.speedup),
    )


def _overall(found: Sequence[Row], names: Sequence[str], problems: Sequence[str]) -> str:
    lines = []
    for name in names:
        mine = [row for row in found if row.contestant == name]
        if len(mine) < len(problems):
            continue  # a mean over fewer tables would not compare
        lines.append(
            (
                name,
                _number(_geometric(row.gain for row in mine)),
                _number(statistics.median(row.gain for row in mine)),
                _number(min(row.gain for row in mine)),
                f"{statistics.mean(row.reached for row in mine):.0%}",
                _number(statistics.median(row.regret for row in mine)),
                _number(statistics.mean(row.cpu_seconds for row in mine)),
            )
        )
    head = ("tuner", "random's steps over its: geometric mean", "median", "worst", "seeds that met it",
            "regret, median", "CPU s per study")  # fmt: skip
    return _table(head, lines)


def _geometric(values: Iterable[float]) -> float:
    found = list(values)
    return math.exp(statistics.mean(math.log(v) for v in found)) if all(v > 0 for v in found) else 0.0


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = "|".join(["---", *["---:"] * (len(head) - 1)])
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(line)} |" for line in lines)])


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return NEVER if math.isinf(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _finite(row: dict[str, object]) -> dict[str, object]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
