"""Writing in the background: one snapshot at a time, one more waits, and no failure goes unheard."""

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from stepladder_trainer.checkpoints.snapshot import Snapshot

logger = logging.getLogger(__name__)


class Saver:
    """Hands snapshots to `save` in a thread that lives as long as there is something to write.

    At most three snapshots are in memory: the one that is written, one that waits, one that is being made. The thread
    is no daemon, so that a process that ends in an ordinary way ends after the last write.
    """

    def __init__(self, save: Callable[[Snapshot], object], done: Callable[[Snapshot], object] = lambda _: None) -> None:
        self.saved_step: int | None = None  # of the newest durable checkpoint
        self._save = save
        self._done = done  # with a snapshot, written or not
        self._changed = threading.Condition()
        self._waiting: Snapshot | None = None
        self._writing = False
        self._failure: Exception | None = None

    def has_room(self, best: Collection[int] = ()) -> bool:
        """Whether a snapshot could be handed over at once. Of those that wait, only one of the steps `best` or a
        pinned one is not given up for a newer one."""
        waiting = self._waiting
        return waiting is None or waiting.superseded_by(best)

    def wait_for_room(self, best: Collection[int]) -> None:
        """Wait until `has_room`: storage that is slower than the snapshots that must be kept holds training back."""
        with self._changed:
            self._changed.wait_for(lambda: self.has_room(best))

    def put(self, snapshot: Snapshot) -> None:
        """Have `snapshot` written after the one that is being written. Comes after `wait_for_room`."""
        with self._changed:
            if self._waiting is not None:
                self._done(self._waiting)
            self._waiting = snapshot
            if not self._writing:
                threading.Thread(target=self._write, name="checkpoints").start()
                self._writing = True

    def raise_failure(self) -> None:
        """Raise what a write has failed with, once."""
        if self._failure is None:  # asked at every step
            return
        with self._changed:
            failure, self._failure = self._failure, None
        raise failure

    def flush(self) -> None:
        """Wait until everything is durable. Raises what a write has failed with."""
        with self._changed:
            self._changed.wait_for(lambda: not self._writing)
        self.raise_failure()

    @contextmanager
    def flushed(self) -> Iterator[None]:
        """However the block is left, everything is durable before. An error of the block goes before one of ours."""
        try:
            yield
        except Exception:
            try:
                self.flush()
            except Exception:
                logger.exception("besides, the last checkpoint could not be saved")
            raise
        except BaseException:  # SystemExit, KeyboardInterrupt: no news compared with a lost checkpoint
            self.flush()
            raise
        self.flush()

    def _write(self) -> None:
        while True:
            with self._changed:
                snapshot, self._waiting = self._waiting, None
                self._writing = snapshot is not None
                self._changed.notify_all()
            if snapshot is None:
                return
            try:
                self._save(snapshot)
                self.saved_step = snapshot.step
            except Exception as error:  # noqa: BLE001  raised where training goes on
                with self._changed:
                    self._failure = self._failure or error
            self._done(snapshot)
