"""What training changes, by its parts, and the checkpoints that it is saved to and restored from."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from stepladder_trainer import randomness
from stepladder_trainer.checkpoints import Checkpoints, Copies, Saver, Snapshot, Store
from stepladder_trainer.checkpoints.fitting import check_content, fit
from stepladder_trainer.contract import TrialDocument
from stepladder_trainer.exposition import Board
from stepladder_trainer.identity import differences
from stepladder_trainer.outcomes import ConfigurationError

logger = logging.getLogger(__name__)


class Part(Protocol):
    """Anything with PyTorch's pair of methods: modules, optimizers, schedulers, loaders, your own counters."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that training changes, as tensors and plain values."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take that state over."""


class State:
    """The state of a trial's training: the parts it is given, the global generators and the evaluations on `board`.

    It is saved at `location`, or nowhere if there is none. Of several processes the one that `leads` writes; the others
    only help to gather what is in shards.
    """

    def __init__(self, location: Path | str | None, board: Board, *, leads: bool) -> None:
        self.snapshot_step: int | None = None  # of the newest checkpoint, be it written or still in memory
        self._board = board
        self._parts: Mapping[str, Part] = {}
        self._facts: dict[str, Any] = {}
        self._notes: dict[str, Any] = {}
        self._checkpoints = Checkpoints(location) if location else None
        self._copies = Copies()
        self._saver = Saver(self._checkpoints.save, done=self._reuse) if self._checkpoints and leads else None

    def identify(self, facts: Mapping[str, Any]) -> None:
        """Tell what else, besides the trial's document, makes the state what it is."""
        self._facts |= facts

    def note(self, facts: Mapping[str, Any]) -> None:
        """Tell what whoever reads a checkpoint may want to know, and what may change while the state stays what it
        is."""
        self._notes |= facts

    def restore(self, document: TrialDocument, parts: Mapping[str, Part]) -> int | None:
        """Name the parts, load the newest checkpoint into them; returns its step, None without one.

        Raises ConfigurationError if the checkpoint belongs to another trial or does not fit the parts.
        """
        for name, part in parts.items():
            if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
                raise ConfigurationError(
                    f"part {name}, a {type(part).__name__}, cannot be saved: give it state_dict and load_state_dict"
                )
        self._parts = parts
        found = self._checkpoints.newest() if self._checkpoints else None
        if self._checkpoints is None or found is None:
            return None
        step, content = found
        path = self._checkpoints.path(step)
        check_content(content, path)
        identity = self._identity(document)
        if content["identity"] != identity:
            raise ConfigurationError(
                f"{path} belongs to another trial, with {', '.join(differences(content['identity'], identity))}: "
                "remove it or give the study another name"
            )
        fit(parts, content, path)
        self._board.history.restore(content["evaluations"])
        if self._saver is not None:
            self._checkpoints.write_evaluations(content["evaluations"])  # those after it are about to come again
            self._saver.saved_step = step
        self.snapshot_step = step
        logger.info("resumed from %s", path)
        return step

    def save(self, document: TrialDocument, step: int, *, keep_best: int, pinned: bool) -> None:
        """Take a snapshot of the state after `step` updates, to be written in the background beside the `keep_best`
        best. A `pinned` one is written whatever comes after it.

        Raises StorageError if an earlier one could not be written.
        """
        if self._checkpoints is None:
            return
        self.snapshot_step = step
        if self._saver is None:
            for part in self._parts.values():
                part.state_dict()  # a part in shards is gathered by all processes at once
            return
        self._saver.raise_failure()
        began = time.perf_counter()
        history, numbers = self._board.history, self._board.numbers
        ranking = [evaluated for evaluated, _ in history.ranking(document.objective)] if document.objective else []
        self._saver.wait_for_room(ranking[:keep_best])
        content = {
            "identity": self._identity(document),
            "parts": self._copies.of({name: part.state_dict() for name, part in self._parts.items()}),
            "random": randomness.global_states(),
            "evaluations": [(item.step, dict(item.metrics)) for item in history.evaluations],
            "notes": {"trial": document.name, "objective": _objective(document), **self._notes},
        }
        self._saver.put(Snapshot(step, content, ranking, keep_best, pinned))
        numbers["checkpoint_stall_seconds"] = numbers.get("checkpoint_stall_seconds", 0.0) + time.perf_counter() - began

    def add_evaluation(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write an evaluation beside the checkpoints. Raises StorageError."""
        if self._checkpoints is not None and self._saver is not None:
            self._checkpoints.add_evaluation(step, metrics)

    @property
    def has_room(self) -> bool:
        """Whether this process writes, and could take a snapshot without waiting for storage."""
        return self._saver is not None and self._saver.has_room()

    def raise_failure(self) -> None:
        """Raise the StorageError of a snapshot that could not be written, once."""
        if self._saver is not None:
            self._saver.raise_failure()

    def flush(self) -> None:
        """Wait until every checkpoint is durable. Raises StorageError."""
        if self._saver is not None:
            self._saver.flush()

    @contextmanager
    def saving(self) -> Iterator[None]:
        """See to it that there is a place for checkpoints, and that however the block is left all of them are durable
        before. Raises StorageError, or ConfigurationError where no retry can help."""
        if self._checkpoints is None or self._saver is None:
            yield
            return
        self._checkpoints.prepare()
        with self._saver.flushed():
            yield

    @property
    def saved_step(self) -> int | None:
        """The step of the newest durable checkpoint."""
        return self._saver.saved_step if self._saver else None

    @property
    def store(self) -> Store | None:
        """Where the checkpoints lie."""
        return self._checkpoints.store if self._checkpoints else None

    def checkpoint_of(self, step: int | None) -> str | None:
        """The path or URL of the checkpoint of `step`, if there is one."""
        if self._checkpoints is None or step is None or not self._checkpoints.has(step):
            return None
        return self._checkpoints.path(step)

    def _identity(self, document: TrialDocument) -> dict[str, object]:
        return document.identity | self._facts

    def _reuse(self, snapshot: Snapshot) -> None:
        self._copies.give_back(snapshot.content["parts"])


def _objective(document: TrialDocument) -> dict[str, str | bool] | None:
    return None if document.objective is None else asdict(document.objective)
