"""All loops in one process and one thread, ten steps each in turn: the machine's other work meets them alike.

`python -m bench.trainer.race CASE` prints one race as JSON. `make bench-trainer` has several, each in a process of its
own, since where the allocator happens to put things moves a race by a percent.
"""

import argparse
import gc
import json
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from bench.trainer.cases import Case, cases
from bench.trainer.loops import bare, now, ours
from stepladder_trainer.acceleration import COMPILERS, PRECISIONS, Acceleration

TURN = 10  # steps
Turn = tuple[float, float]  # seconds of the clock, of the thread's CPU


def race(case: Case, folder: Path, device: str, acceleration: Acceleration) -> dict[str, float]:
    """Steps per second of all, what ours costs beyond a bare PyTorch loop, and beyond one with our optimizer."""
    here = torch.device(device)
    loops = [bare(case, here, acceleration, own=own) for own in (False, True)]
    for loop in loops:
        next(loop)
    turns: tuple[list[Turn], ...] = ([], [], [])

    def synchronised() -> Turn:
        if here.type == "cuda":
            torch.cuda.synchronize()
        return now()

    def pace() -> Iterator[None]:
        for _ in range(case.steps // TURN):
            for number, loop in enumerate(loops):
                began = synchronised()
                for _step in range(TURN):
                    next(loop, None)
                turns[number].append(_since(began, synchronised()))
            began = synchronised()
            for _step in range(TURN):
                yield
            turns[2].append(_since(began, synchronised()))

    board = ours(case, folder, device, acceleration, pace())
    bare_turns, own_turns, our_turns = (each[1:] for each in turns)  # in the first PyTorch warms up
    return {
        "bare steps/s": TURN / statistics.median(turn[0] for turn in bare_turns),
        "our steps/s": TURN / statistics.median(turn[0] for turn in our_turns),
        "cost by the clock, %": _beyond(our_turns, bare_turns, 0),
        "cost by the CPU, %": _beyond(our_turns, bare_turns, 1),
        "with our optimizer, %": _beyond(our_turns, own_turns, 1),
        "held by checkpoints, %": 100 * board.numbers["checkpoint_stall_seconds"] / sum(turn[0] for turn in our_turns),
    }


def _since(began: Turn, ended: Turn) -> Turn:
    return ended[0] - began[0], ended[1] - began[1]


def _beyond(mine: list[Turn], others: list[Turn], which: int) -> float:
    ratios = [one[which] / other[which] for one, other in zip(mine, others, strict=True)]
    return 100 * (statistics.median(ratios) - 1)


def flags() -> argparse.ArgumentParser:
    """How to race."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    parser.add_argument("--compile", choices=COMPILERS, default="off")
    parser.add_argument("--large", action="store_true", help="models that a GPU has work with")
    return parser


def main() -> None:
    """One race of one case."""
    parser = argparse.ArgumentParser(prog="python -m bench.trainer.race", parents=[flags()])
    parser.add_argument("case", type=int)
    given = parser.parse_args()
    torch.set_num_threads(1)
    gc.freeze()  # as the command line does
    with tempfile.TemporaryDirectory() as name:
        case = cases(Path(name), large=given.large)[given.case]
        accelerated = Acceleration(given.precision, given.compile)
        print(json.dumps({case.name: race(case, Path(name) / "trial", given.device, accelerated)}))


if __name__ == "__main__":
    main()
