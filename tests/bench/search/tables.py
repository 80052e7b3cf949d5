"""A race's figures as Markdown."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from bench.search.contestants import CONTESTANTS
from bench.search.measures import Row

NEVER = "never"
ALLOWED = 1 / 1.1  # of random's speed: a mode may take 10 % more steps
_HEAD = ("tuner", "full runs to target", "random's over it", "seeds that met it", "regret", "CPU s per study",
         "time at 16 workers", "16 workers' speed-up")  # fmt: skip


def overall(found: Sequence[Row]) -> str:
    """Gains on each table, and what 16 workers are good for; recorded tables first, synthetic ones apart."""
    parts = []
    for title, mine in (("Recorded tables", _apart(found, "")), ("Synthetic tables", _apart(found, "adam8p_"))):
        if mine:
            parts += [f"### {title}\n", _gains(mine), "", _workers(mine), ""]
    return "\n".join(parts)


def each(found: Sequence[Row]) -> str:
    """All figures of each table."""
    parts = []
    for problem in sorted({row.problem for row in found}):
        of_it = {row.contestant: row for row in found if row.problem == problem}
        lines = [_cells(of_it[name]) for name in _names(list(of_it.values()))]
        parts += [f"\n### {problem}\n", _table(_HEAD, lines)]
    return "\n".join(parts) + "\n"


def worse_than_random(found: Iterable[Row]) -> list[Row]:
    """Our modes on the tables where they take more than 10 % more steps than random search."""
    ours = {contestant.name for contestant in CONTESTANTS if contestant.is_ours}
    return [row for row in found if row.contestant in ours and row.gain < ALLOWED]


def finite(row: Mapping[str, object]) -> dict[str, object]:
    """None where JSON has no number."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


def _apart(found: Sequence[Row], prefix: str) -> list[Row]:
    return [row for row in found if row.problem.startswith("adam8p_") == bool(prefix)]


def _names(found: Sequence[Row]) -> list[str]:
    there = {row.contestant for row in found}
    return [contestant.name for contestant in CONTESTANTS if contestant.name in there]


def _gains(found: Sequence[Row]) -> str:
    """Random's steps over theirs, a column for each table."""
    problems = sorted({row.problem for row in found})
    lines = []
    for name in _names(found):
        mine = {row.problem: row for row in found if row.contestant == name}
        gains = [mine[problem].gain for problem in problems if problem in mine]
        whole = len(gains) == len(problems)
        mean = _number(_geometric(gains)) if whole else ""
        cost = _number(statistics.mean(row.cpu_seconds for row in mine.values()))
        lines.append((name, *(_gain(mine.get(problem)) for problem in problems), mean, cost))
    return _table(("tuner", *(p.removeprefix("adam8p_") for p in problems), "geometric mean", "CPU s"), lines)


def _workers(found: Sequence[Row]) -> str:
    """How much sooner 16 workers are there, of those that raced with 16."""
    lines = []
    for name in _names(found):
        mine = [row for row in found if row.contestant == name and not math.isnan(row.wall)]
        met, whole, idle = ([v for v in values if not math.isnan(v)] for values in (
            [row.speedup for row in mine], [row.whole_speedup for row in mine], [row.idle for row in mine],
        ))  # fmt: skip
        if mine:
            runs = _number(statistics.median(row.runs_to_target for row in mine))
            lines.append((name, runs, *(_range(values) for values in (met, whole)), _number(max(idle)) if idle else ""))
    head = ("tuner", "full runs to target, one worker", "speed-up to the target", "speed-up of whole studies",
            "idle slots")  # fmt: skip
    return _table(head, lines)


def _range(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle, low, high = (_number(v) for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


def _gain(row: Row | None) -> str:
    if row is None:
        return ""
    if row.gain == 0:
        return f"{NEVER} ({row.reached:.0%})"
    return _number(row.gain) if row.reached == 1 else f"{_number(row.gain)} ({row.reached:.0%})"


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
