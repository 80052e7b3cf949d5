"""`python -m bench.search`: race, and write the tables and plots of docs/search-benchmark.md."""

import argparse
import os
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from bench.search import optuna_speed, problems, report
from bench.search.contestants import CONTESTANTS
from bench.search.problems import Problem
from bench.search.results import Task

FOLDER = Path(os.environ.get("STEPLADDER_BENCH", ".bench")) / "search"
WORKERS = (1, 16)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(prog="python -m bench.search")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="two seeds, one table: see that everything works")
    parser.add_argument("--only", default="", metavar="REGEX", help="contestants whose name it matches")
    parser.add_argument("--tables", default="", metavar="REGEX", help="tables whose name it matches")
    parser.add_argument("--workers", type=int, choices=WORKERS, nargs="+", default=WORKERS)
    parser.add_argument("--synthetic", action="store_true", help="the TaskSet-like tables too; made where missing")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--missing", action="store_true", help="leave results of older code as they are")
    parser.add_argument("--report-only", action="store_true", help="write tables and plots from the results there are")
    parser.add_argument("--publish", action="store_true", help="write docs/search-results.json and docs/images too")
    return parser.parse_args(given)


def tasks(flags: argparse.Namespace) -> list[Task]:
    """What is to be run, cheap ones first."""
    tables: tuple[Problem, ...] = problems.recorded()
    if flags.synthetic:
        from bench.search.synthetic import make_all

        make_all()
        tables += problems.synthetic()
    tables = tuple(p for p in tables if re.search(flags.tables, p.name))[: 1 if flags.quick else None]
    racing = [c for c in CONTESTANTS if re.search(flags.only, c.name, re.IGNORECASE)]
    return [
        Task(p, c, w, 2 if flags.quick else c.seeds(flags.seeds, w))
        for c in racing
        for w in flags.workers
        for p in tables
    ]


def recorded(folder: Path) -> list[Task]:
    """All of whom there may be results: a run of a few does not leave the others out of the report."""
    tables = (*problems.recorded(), *problems.synthetic())
    return [Task(p, c, w, 1) for p in tables for c in CONTESTANTS for w in WORKERS]


def run(task: Task, folder: Path, *, any_code: bool = False) -> str:
    """Race one contestant on one problem, unless its results are there, and of this code. What happened, in a line."""
    task = replace(task, problem=problems.shared(task.problem))
    label = f"{task.problem.name}, {task.contestant.name}, {task.workers} workers"
    if task.known(folder, any_code=any_code):
        return f"{label}: known"
    optuna_speed.up()
    try:
        with threadpool_limits(1):
            studies = [task.contestant.run(task.problem, seed, task.workers) for seed in range(task.seeds)]
    except Exception as error:  # noqa: BLE001  a mode that is not there, or a peer that is not installed
        return f"{label}: NOT RUN, {type(error).__name__}: {error}"
    task.save(folder, studies)
    seconds = sum(study.cpu_seconds for study in studies)
    return f"{label}: {len(studies)} studies, {seconds:.0f} s of CPU"


def main() -> None:
    """Race and report."""
    flags = arguments()
    folder = FOLDER / "quick" if flags.quick else FOLDER
    if not flags.report_only:
        with ProcessPoolExecutor(flags.jobs) as pool:
            for done in as_completed([pool.submit(run, task, folder, any_code=flags.missing) for task in tasks(flags)]):
                print(done.result(), flush=True)
    known = [(task, found) for task in recorded(folder) if (found := task.known(folder, any_code=True))]
    for task, found in known:
        if found["code"] != task.code:
            print(f"of older code: {task.problem.name}, {task.contestant.name}, {task.workers} workers")
    report.write([found for _, found in known], folder)
    if flags.publish:
        report.publish([found for _, found in known])


if __name__ == "__main__":
    main()
