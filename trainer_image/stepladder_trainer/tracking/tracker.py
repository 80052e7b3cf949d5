"""What a tracker of experiments is here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from stepladder_trainer.checkpoints import Store
from stepladder_trainer.contract import Scalar


class Point(NamedTuple):
    """Numbers of one step. `seconds` since the epoch, when they were taken."""

    step: int
    seconds: float
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Run:
    """The run that points belong to: a trial, from whichever segment of it.

    `from_step`: the step of the checkpoint that this process went on from. What a tracker holds of later steps was
    trained by a process that died, and is about to come again.
    """

    name: str
    parameters: Mapping[str, Scalar]
    store: Store | None = None  # beside the checkpoints; None if started by hand
    seed: int = 0
    from_step: int = 0

    @property
    def study(self) -> str:
        """What the run's name begins with: `vision/digits` of `vision/digits/digits-7`; `stepladder` if alone."""
        return self.name.rpartition("/")[0] or "stepladder"


class Tracker(Protocol):
    """Where points of a run go. Made by a function from a `Run`; used by one thread; may raise anything."""

    def write(self, points: Sequence[Point]) -> None:
        """Take `points`, by ascending step, so that others can see them. No step comes twice in a process."""

    def close(self) -> None:
        """Nothing follows."""
