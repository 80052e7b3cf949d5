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
    whole_speedup: float  # the same of studies that go on to the budget or the end of the table; nan where they do not
    idle: (
        float  # slots times time, in full runs, that were free while there was a trial to start; the worst; nan: peers
    )


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
        runs, base, many = to_target(one), to_target(found[problem, reference][1]), by_workers.get(16)
        wall = math.nan if many is None else time_to_target(many)
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
                speedup=runs / wall if math.isfinite(wall) and math.isfinite(runs) else math.nan,
                whole_speedup=_whole_speedup(one, many),
                idle=_idle([one] if many is None else [one, many]),
            )
        )
    return made


def figures(results: Iterable[Results], reference: str) -> list[dict[str, object]]:
    """For other programs: an object per problem, contestant and number of workers; None where the target is not met."""
    found = {(r["problem"], r["contestant"], r["workers"]): r for r in results}
    made: list[dict[str, object]] = []
    for (problem, contestant, workers), result in found.items():
        steps, horizon = to_target(result) * result["horizon"], result["horizon"]
        base = found.get((problem, reference, workers))
        ratio = math.nan if base is None else to_target(base) * horizon / steps
        made.append(
            {
                "table": problem,
                "contestant": contestant,
                "workers": workers,
                "seeds": len(result["studies"]),
                "reached": sum(math.isfinite(met(result, study)[0]) for study in result["studies"]),
                "medianSteps": _rounded(steps),
                "medianTime": _rounded(time_to_target(result) * horizon),
                "ratioToRandom": _rounded(ratio) if math.isfinite(steps) else None,
            }
        )
    return made


def to_target(result: Results) -> float:
    """Median steps to the target, in full runs."""
    return statistics.median(met(result, study)[0] for study in result["studies"]) / float(result["horizon"])


def time_to_target(result: Results) -> float:
    """Median time to the target, in that of a full run."""
    return statistics.median(met(result, study)[1] for study in result["studies"]) / float(result["horizon"])


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


def _whole_speedup(one: Results, many: Results | None) -> float:
    if many is None or not (one["whole"] and many["whole"]):
        return math.nan
    one_wall, many_wall = (statistics.median(study["trace"]["wall"] for study in r["studies"]) for r in (one, many))
    return float(one_wall / many_wall)


def _idle(results: Iterable[Results]) -> float:
    idle = [study["idle"] / result["horizon"] for result in results if result["ours"] for study in result["studies"]]
    return max(idle, default=math.nan)


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _regret(result: Results, study: Results) -> float:
    improvements = study["trace"]["improvements"]
    if not improvements:
        return math.inf
    scale = result["target"] - result["optimum"]
    excess = improvements[-1]["best"] - result["optimum"]
    return excess / scale if scale > 0 else (0.0 if excess == 0 else math.inf)
