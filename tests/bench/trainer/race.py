"""Both loops in one process and one thread, ten steps each in turn: the machine's other work meets both alike."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bench.trainer.cases import Case
from bench.trainer.loops import bare, now, ours
from stepladder_trainer.acceleration import Acceleration

TURN = 10  # steps


@dataclass
class Turns:
    """(seconds by the clock, seconds of the thread's CPU) of each turn."""

    spent: list[tuple[float, float]] = field(default_factory=list)

    def add(self, began: tuple[float, float]) -> None:
        """A turn that began then is over."""
        clock, cpu = now()
        self.spent.append((clock - began[0], cpu - began[1]))

    def steps_per_second(self, which: int) -> float:
        """Of the median turn; the first is left out, in which PyTorch warms up."""
        return TURN / statistics.median(turn[which] for turn in self.spent[1:])


def race(case: Case, folder: Path, device: str, acceleration: Acceleration) -> dict[str, float]:
    """Steps per second of both, and what ours costs in addition, by the clock and by the CPU of the training thread."""
    here = torch.device(device)
    theirs, bare_turns, our_turns = bare(case, here, acceleration), Turns(), Turns()
    next(theirs)

    def synchronised() -> tuple[float, float]:
        if here.type == "cuda":
            torch.cuda.synchronize()
        return now()

    def pace() -> Iterator[None]:
        began = None
        for step in range(case.steps + 1):
            if step % TURN == 0:
                if began is not None:
                    synchronised()
                    our_turns.add(began)
                start = synchronised()
                for _ in range(TURN):
                    next(theirs, None)
                synchronised()
                bare_turns.add(start)
                began = synchronised()
            yield

    board = ours(case, folder, device, acceleration, pace())
    turns = slice(0, case.steps // TURN)
    bare_turns.spent, our_turns.spent = bare_turns.spent[turns], our_turns.spent[turns]
    held = [turn[0] for turn in our_turns.spent]
    ratios = [
        [mine[which] / other[which] for mine, other in zip(our_turns.spent[1:], bare_turns.spent[1:], strict=True)]
        for which in (0, 1)
    ]
    return {
        "bare steps/s": bare_turns.steps_per_second(0),
        "our steps/s": our_turns.steps_per_second(0),
        "cost by the clock, %": 100 * (statistics.median(ratios[0]) - 1),
        "cost by the CPU, %": 100 * (statistics.median(ratios[1]) - 1),
        "held by checkpoints, %": 100 * board.numbers["checkpoint_stall_seconds"] / sum(held),
    }
