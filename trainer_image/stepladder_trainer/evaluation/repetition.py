"""Whether training losses differ from batch to batch as they did an epoch before, as they do where examples come in the
same order again (Deep Learning Tuning Playbook, "Setting up periodic evaluations")."""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from stepladder_trainer.evaluation.periodicity import BOUND, Period, without_outliers

KEPT = 4096  # means of losses
EPOCHS = 8  # that they are of, at least

WINDOW = 5  # losses around each whose mean is subtracted, so that only what differs from batch to batch is left
COLOURED = 1.45
"""What that adds to the variance of a correlation (Bartlett's formula on white noise without its running mean)."""

MARGIN = 0.1
"""The part at both ends of an epoch that does not count. With shuffled data too the loss falls from one epoch to the
next, and may rise within it (Liu and Ma 2024, "Epochal Sawtooth Effect")."""

WHOLE = 0.1  # steps by which what passes for a whole number of them may miss it
FEWEST_PAIRS = 32
SLIGHT = 0.1  # a correlation that is not worth a word, however sure it is


class Losses:
    """The training losses of the last epochs: means of `stride` losses each, so that as many as are kept hold eight
    epochs of `epoch` steps.

    A part of the training state, so that a run that was cut and resumed knows what one knows that was not.
    """

    def __init__(self, epoch: float) -> None:
        self.epoch = epoch
        self.stride = math.ceil(EPOCHS * epoch / KEPT)
        self._means: deque[float] = deque(maxlen=KEPT)
        self._count = 0  # of all means so far
        self._rest: list[float] = []

    def add(self, losses: Iterable[float]) -> None:
        """Those of the next steps, in their order."""
        self._rest.extend(losses)
        whole = len(self._rest) // self.stride
        parts = (self._rest[start * self.stride : (start + 1) * self.stride] for start in range(whole))
        self._means.extend(self._rest if self.stride == 1 else (math.fsum(part) / self.stride for part in parts))
        self._count += whole
        del self._rest[: whole * self.stride]

    @property
    def means(self) -> dict[int, float]:
        """By their place, counted from 0 at the first step."""
        return dict(enumerate(self._means, self._count - len(self._means)))

    def state_dict(self) -> dict[str, Any]:
        """Of 32 KiB at most."""
        means, rest = (torch.tensor(list(kept), dtype=torch.float64) for kept in (self._means, self._rest))
        return {"count": self._count, "means": means, "rest": rest}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take a state over."""
        self._count = state["count"]
        self._means, self._rest = deque(state["means"].tolist(), maxlen=KEPT), state["rest"].tolist()


def repetition(losses: Losses) -> Period | None:
    """The steps after which losses repeat themselves: an epoch, or two to four where it has a broken number of steps.

    The mean of the correlations of one such stretch with the next. Without a period each has a variance of one over its
    length, whatever the losses are like, since any order of them is as likely (Pitman 1937). None where there are too
    few of them, or epochs are too short.
    """
    epoch = losses.epoch / losses.stride
    multiples: list[float] = [times * epoch for times in range(1, 5)]
    nearest: float = min(multiples, key=_broken)
    lag = round(next((steps for steps in multiples if _broken(steps) < WHOLE), nearest))
    means, half = losses.means, WINDOW // 2
    rest = {
        place: mean - sum(means[near] for near in range(place - half, place + half + 1)) / WINDOW
        for place, mean in means.items()
        if place - half in means and place + half in means and _inside(place, epoch)
    }
    if not rest:
        return None
    rest = dict(zip(rest, without_outliers(list(rest.values())), strict=True))
    found = [_alike(rest, start, lag) for start in range(min(rest), max(rest) + 1, lag)]
    pairs = sum(count for count, _ in found)
    if pairs < FEWEST_PAIRS:
        return None
    correlation = sum(count * alike for count, alike in found) / pairs
    sure = correlation > max(SLIGHT, BOUND * math.sqrt(COLOURED / pairs))
    return Period(lag * losses.stride, correlation) if sure else None


def _broken(steps: float) -> float:
    return abs(steps - round(steps))


def _inside(place: int, epoch: float) -> bool:
    """Whether a place is not near the ends of its epoch."""
    margin = max(WINDOW // 2, MARGIN * epoch)
    return margin <= place % epoch < epoch - margin


def _alike(rest: Mapping[int, float], start: int, length: int) -> tuple[int, float]:
    """How many places of a stretch can be compared with those of the next, and how they correlate."""
    pairs = [(rest[at], rest[at + length]) for at in range(start, start + length) if at in rest and at + length in rest]
    if len(pairs) < 2:
        return 0, 0.0
    before, after = ([value - sum(column) / len(column) for value in column] for column in zip(*pairs, strict=True))
    size = math.sqrt(sum(value**2 for value in before) * sum(value**2 for value in after))
    return len(pairs), sum(one * other for one, other in zip(before, after, strict=True)) / size if size else 0.0
