"""What the studies of one contestant on one problem come to."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Results = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A contestant on a problem. Infinite where the median study never met the target."""

    problem: str
    contestant: str
    runs_to_target: float  # trained steps until the target is met, in full runs; median over seeds, one worker
    gain: float  # random's steps to the target over these
    reached: float  # share of the seeds that met the target within the budget
    regret: float  # after the budget: 0 at the table's best value, 1 at the target; median over seeds
    cpu_seconds: float  # of a study with one worker, mean
    wall: float  # time to the target with 16 workers, in the time of a full run; median
    speedup: float  # time to the target of one worker over that of 16


def rows(results: Iterable[Results], reference: str) -> list[Row]:
    """One row per problem and contestant; `reference` names the contestant to compare with."""
    found: dict[tuple[str, str], dict[int, Results]] = {}
    for result in results:
        found.setdefault((result["problem"], result["contestant"]), {})[result["workers"]] = result
    made = []
    for (problem, contestant), by_workers in found.items():
        one = by_workers.get(1)
        if one is None or (problem, reference) not in found:
            continue
        runs, base = to_target(one), to_target(found[problem, reference][1])
        wall = math.inf
        if many := by_workers.get(16):
            wall = statistics.median(met(many, study)[1] for study in many["studies"]) / many["horizon"]
        made.append(
            Row(
                problem=problem,
                contestant=contestant,
                runs_to_target=runs,
                gain=base / runs if math.isfinite(runs) else 0.0,
                reached=statistics.mean(math.isfinite(met(one, study)[0]) for study in one["studies"]),
                regret=statistics.median(_regret(one, study) for study in one["studies"]),
                cpu_seconds=statistics.mean(study["cpu_seconds"] for study in one["studies"]),
                wall=wall,
                speedup=runs / wall if math.isfinite(wall) else math.nan,
            )
        )
    return made


def to_target(result: Results) -> float:
    """Median steps to the target, in full runs."""
    return statistics.median(met(result, study)[0] for study in result["studies"]) / float(result["horizon"])


def met(result: Results, study: Results) -> tuple[float, float]:
    """(trained steps, time) when the target was met; infinite if it was not."""
    for improvement in study["trace"]["improvements"]:
        if improvement["best"] <= result["target"]:
            return improvement["trained"], improvement["wall"]
    return math.inf, math.inf


def best_so_far(result: Results, study: Results, grid: Sequence[float]) -> list[float]:
    """The study's best after so many full runs' steps; infinite before its first value."""
    values, best, rest = [], math.inf, list(study["trace"]["improvements"])
    for runs in grid:
        while rest and rest[0]["trained"] <= runs * result["horizon"]:
            best = rest.pop(0)["best"]
        values.append(best)
    return values


def _regret(result: Results, study: Results) -> float:
    improvements = study["trace"]["improvements"]
    if not improvements:
        return math.inf
    scale = result["target"] - result["optimum"]
    excess = improvements[-1]["best"] - result["optimum"]
    return excess / scale if scale > 0 else (0.0 if excess == 0 else math.inf)
