"""Snapshots: the training state at one step, copied so that training may go on while it is written."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepladder_trainer.checkpoints.retention import KEEP_BEST


@dataclass(frozen=True)
class Snapshot:
    """The state after `step` optimizer updates. Nothing in `content` is shared with what training changes.

    `ranking` holds the evaluated steps, best first. A `pinned` one is written whatever comes after it.
    """

    step: int
    content: Mapping[str, Any]
    ranking: Sequence[int] = ()
    keep_best: int = KEEP_BEST
    pinned: bool = False

    def superseded_by(self, best: Collection[int]) -> bool:
        """Whether a newer snapshot makes this one superfluous, `best` being the steps worth keeping by then."""
        return not self.pinned and self.step not in best
