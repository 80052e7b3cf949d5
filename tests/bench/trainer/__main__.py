"""`make bench-trainer`: our trainer beside a bare PyTorch loop, and its start, into .bench/trainer.json."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.trainer.cases import COUNT
from bench.trainer.race import flags

FOLDER = Path(os.environ.get("STEPLADDER_BENCH", ".bench"))
RACES = 5  # of each case
STARTS = 7

Figures = dict[str, float]


def told(*command: str, **environment: str) -> Any:
    """The JSON in the last line that a Python module of ours prints."""
    done = subprocess.run(
        [sys.executable, "-m", *command], env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def medians(found: list[Figures]) -> Figures:
    """Of each figure."""
    return {name: statistics.median(figures[name] for figures in found) for name in found[0]}


def races(number: int, arguments: list[str]) -> dict[str, Figures]:
    """The figures of one case by its name, medians, and how far the races were apart."""
    found = [told("bench.trainer.race", str(number), *arguments) for _ in range(RACES)]
    (name,) = found[0]
    costs = sorted(race[name]["cost by the CPU, %"] for race in found)
    return {name: {**medians([race[name] for race in found]), "least cost, %": costs[0], "greatest cost, %": costs[-1]}}


def startup(folder: Path, device: str) -> Figures:
    """Seconds of each part of a start of the digits CNN, medians."""
    found = []
    for start in range(STARTS):
        document = {
            "trial": "start",
            "parameters": {"model": "cnn"},
            "seed": 0,
            "targetSteps": 1,
            "objective": {"metric": "validation_error"},
            "checkpointDirectory": str(folder / f"start-{start}"),
        }
        parts = told(
            "bench.trainer.startup",
            "--task=digits",
            f"--device={device}",
            BENCH_BEGAN=repr(time.time()),
            STEPLADDER_TRIAL=json.dumps(document),
            STEPLADDER_METRICS_PORT="0",
            STEPLADDER_TERMINATION_LOG=str(folder / "termination"),
        )
        found.append({**parts, "all": sum(parts.values())})
    return medians(found)


def main() -> None:
    """Race, start, tell."""
    given = argparse.ArgumentParser(prog="python -m bench.trainer", parents=[flags()]).parse_args()
    results: dict[str, Figures] = {}
    for number in range(COUNT):
        results |= races(number, sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        results["start, seconds"] = startup(Path(folder), given.device)
    for title, figures in results.items():
        print(title, *(f"  {figure:<24}{value:10.3f}" for figure, value in figures.items()), sep="\n")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "trainer.json").write_text(json.dumps({"device": given.device, **results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
