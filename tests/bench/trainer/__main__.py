"""`make bench-trainer`: our trainer beside a bare PyTorch loop, and its start, into .bench/trainer.json."""

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from bench.trainer.cases import cases
from bench.trainer.race import race
from stepladder_trainer.acceleration import COMPILERS, PRECISIONS, Acceleration

FOLDER = Path(os.environ.get("STEPLADDER_BENCH", ".bench"))
STARTS = 7


def startup(folder: Path, device: str) -> dict[str, float]:
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
        environment = {
            **os.environ,
            "BENCH_BEGAN": repr(time.time()),
            "STEPLADDER_TRIAL": json.dumps(document),
            "STEPLADDER_METRICS_PORT": "0",
            "STEPLADDER_TERMINATION_LOG": str(folder / "termination"),
        }
        told = subprocess.run(
            [sys.executable, "-m", "bench.trainer.startup", "--task=digits", f"--device={device}"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        found.append(json.loads(told.splitlines()[-1]))
    parts = {part: statistics.median(start[part] for start in found) for part in found[0]}
    return {**parts, "all": statistics.median(sum(start.values()) for start in found)}


def main() -> None:
    """Race, start, tell."""
    parser = argparse.ArgumentParser(prog="python -m bench.trainer")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    parser.add_argument("--compile", choices=COMPILERS, default="off")
    parser.add_argument("--large", action="store_true", help="models that a GPU has work with")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    gc.freeze()  # as the command line does
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in cases(folder, large=flags.large):
            accelerated = Acceleration(flags.precision, flags.compile)
            results[case.name] = race(case, folder / case.name, flags.device, accelerated)
        results["start, seconds"] = startup(folder, flags.device)
    for title, figures in results.items():
        print(title, *(f"  {figure:<24}{value:10.3f}" for figure, value in figures.items()), sep="\n")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "trainer.json").write_text(json.dumps({"device": flags.device, **results}, indent=1))


if __name__ == "__main__":
    main()
