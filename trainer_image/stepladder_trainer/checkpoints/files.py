"""The checkpoints of one trial: `step-00000030.pt` files that are either whole or skipped, and what lies beside."""

import json
import logging
import pickle
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stepladder_trainer.checkpoints import archive
from stepladder_trainer.checkpoints.retention import retained
from stepladder_trainer.checkpoints.snapshot import Snapshot
from stepladder_trainer.checkpoints.store import open_store
from stepladder_trainer.outcomes import ConfigurationError, StorageError

NAME = re.compile(r"step-(\d{8,})\.pt")
EVALUATIONS = "evaluations.jsonl"

logger = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints at `location`, a directory or a URL. At most one process writes there at a time.

    Every method raises StorageError, or ConfigurationError where no retry can help.
    """

    def __init__(self, location: str | Path) -> None:
        self.store = open_store(location)
        self._present: set[int] = set()  # whole, as far as is known without asking again
        self._damaged: set[int] = set()
        self._known: set[int] | None = None  # steps that had a file when this process last looked

    def path(self, step: int) -> str:
        """Where the checkpoint after `step` optimizer updates lies."""
        return self.store.path(_name(step))

    def prepare(self) -> None:
        """Make sure that there is a place to write to, before anything is trained."""
        self.store.prepare()

    def steps(self) -> list[int]:
        """Steps that have a file, newest first."""
        names = (NAME.fullmatch(name) for name in self.store.names())
        return sorted((int(name[1]) for name in names if name), reverse=True)

    def has(self, step: int) -> bool:
        """Whether there is a checkpoint of `step`, by what this process has read and written."""
        return step in self._present

    def save(self, snapshot: Snapshot) -> None:
        """Make `snapshot` durable, then drop what need not be kept beside it.

        An error leaves the older checkpoints in place. It is a StorageError too if others have appeared, since then
        another process trains the same trial, and each would drop what the other goes on from.
        """
        self.store.write(_name(snapshot.step), partial(archive.dump, dict(snapshot.content)))
        self._damaged.discard(snapshot.step)
        found = {*self.steps()}
        if self._known is not None and (others := found - self._known - {snapshot.step}):
            raise StorageError(
                f"another process writes to checkpoint storage {self.store.location}, where {_name(max(others))} has "
                "appeared: end it, or give each trial a directory of its own"
            )
        self._known = found
        self._present = found - self._damaged
        kept = retained(self._present, snapshot.ranking, snapshot.keep_best)
        for step in (self._present | self._damaged) - kept:
            self.store.remove(_name(step))
        self._present, self._damaged = kept, set()
        if not self.store.appends:
            self.write_evaluations(snapshot.content["evaluations"])

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """(step, content) of the newest whole checkpoint, tensors on the CPU, or None. Damaged ones are skipped with a
        warning.

        Raises ConfigurationError if a whole file holds what must not be unpickled.
        """
        steps = self.steps()
        self._present, self._damaged, self._known = {*steps}, set(), {*steps}
        for step in steps:
            if (content := self.at(step)) is not None:
                return step, content
            self._present.discard(step)
            self._damaged.add(step)
        return None

    def at(self, step: int) -> dict[str, Any] | None:
        """The content of the checkpoint of `step`, tensors on the CPU, or None, with a warning, if it is damaged.

        Raises ConfigurationError if it is whole and holds what must not be unpickled.
        """
        try:
            return archive.load(self.store.read(_name(step)))
        except archive.DamagedError:
            logger.warning("skipping %s: it is damaged or incomplete", self.path(step))
            return None
        except pickle.UnpicklingError as error:
            raise ConfigurationError(
                f"{self.path(step)} holds more than tensors and plain values; "
                f"give checkpoint parts whose state_dict() is plain: {error}"
            ) from error

    def add_evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append to `evaluations.jsonl`, which people follow. In a bucket it is written with each checkpoint."""
        if self.store.appends:
            self.store.append(EVALUATIONS, _line(step, metrics).encode())

    def write_evaluations(self, evaluations: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Replace `evaluations.jsonl`."""
        lines = "".join(_line(step, metrics) for step, metrics in evaluations)
        self.store.write(EVALUATIONS, lambda file: file.write(lines.encode()))


def _name(step: int) -> str:
    return f"step-{step:08d}.pt"


def _line(step: int, metrics: Mapping[str, float]) -> str:
    return json.dumps({"step": step, **metrics}) + "\n"
