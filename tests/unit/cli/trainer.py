"""A trainer without PyTorch that keeps the contract (docs/trainer.md): it climbs a formula in no time.

With `--pause-at=STEP --fifo=PATH` it writes into the FIFO once at that step, the first time it gets there, and then
waits for SIGTERM; with `--exit=CODE` it ends at once.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType


class Stopped(Exception):
    """SIGTERM."""


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--pause-at", type=int, default=0)
    options.add_argument("--fifo", type=Path)
    options.add_argument("--exit", type=int)
    given = options.parse_args()
    trial = json.loads(os.environ["STEPLADDER_TRIAL"])
    directory = Path(trial["checkpointDirectory"])
    directory.mkdir(parents=True, exist_ok=True)
    last = max((int(path.stem.removeprefix("step-")) for path in directory.glob("step-*.pt")), default=0)
    step = last
    reason, code = "Completed", 0
    if given.exit is not None:
        reason, code = "Error", given.exit
    try:
        while step < trial["targetSteps"] and not code:
            step += 1
            if step == given.pause_at and not (directory / "paused").exists():
                pause(directory / "paused", given.fifo)
    except Stopped:
        reason, code = "Interrupted", 75
    checkpoint = directory / f"step-{step:08}.pt"
    checkpoint.touch()
    curve = [[s, abs(trial["parameters"]["x"] - 0.3) + 1 / s] for s in trial["evaluationSteps"] if s <= step]
    value = next((value for at, value in curve if at == step), None)
    words = {"reason": reason, "fromStep": last, "step": step, "value": value, "evaluations": curve}
    words |= {"best": None, "checkpoint": str(checkpoint), "trainedSteps": step - last, "seconds": 0.0}
    words |= {"message": "as the test has it", "provenance": {"package": "test"}}
    if "probe" in trial and not code:
        verdict = {"type": trial["probe"]["type"], "summary": f"x is {trial['parameters']['x']}."}
        words["verdict"] = verdict | {"suggestions": {"x": 0.3}, "picture": str(directory / "probe.svg")}
    Path(os.environ["STEPLADDER_TERMINATION_LOG"]).write_text(json.dumps(words))
    return code


def pause(marker: Path, fifo: Path) -> None:
    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # a dying parent's threads may each send one
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    marker.touch()
    fifo.write_text(f"{os.getpid()}\n")
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
