"""Writing in the background. A gate stands for storage of any speed; nothing here waits for time to pass."""

import threading
from collections.abc import Callable

import pytest

from stepladder_trainer.checkpoints import Saver, Snapshot
from stepladder_trainer.outcomes import InfeasibleError, StorageError


class Storage:
    """Writes as soon as its gate is open."""

    def __init__(self, fails_at: int = 0) -> None:
        self.written: list[int] = []
        self.gate = threading.Event()
        self.begun = threading.Event()
        self._fails_at = fails_at

    def save(self, snapshot: Snapshot) -> None:
        self.begun.set()
        assert self.gate.wait(60)
        if snapshot.step == self._fails_at:
            raise StorageError("disk full")
        self.written.append(snapshot.step)


@pytest.fixture
def storage() -> Storage:
    return Storage()


def put(saver: Saver, step: int, *, best: tuple[int, ...] = (), pinned: bool = False) -> None:
    saver.wait_for_room(best)
    saver.put(Snapshot(step, {}, best, pinned=pinned))


def busy(saver: Saver, storage: Storage) -> None:
    """Let step 1 be under way."""
    put(saver, 1)
    assert storage.begun.wait(60)


def finish(saver: Saver, storage: Storage) -> list[int]:
    storage.gate.set()
    saver.flush()
    return storage.written


def test_training_goes_on_while_a_checkpoint_is_written(storage: Storage) -> None:
    saver = Saver(storage.save)
    busy(saver, storage)
    assert saver.has_room()
    put(saver, 2)
    assert saver.saved_step is None  # nothing is durable yet
    assert finish(saver, storage) == [1, 2]
    assert saver.saved_step == 2


def test_one_that_waits_gives_way_to_a_newer_one(storage: Storage) -> None:
    """Storage that is slower than the time between checkpoints must not fill the memory, nor hold training."""
    done: list[int] = []
    saver = Saver(storage.save, done=lambda snapshot: done.append(snapshot.step))
    busy(saver, storage)
    for step in (2, 3, 4):
        put(saver, step)
    assert done == [2, 3]  # their memory is free
    assert finish(saver, storage) == [1, 4]
    assert done == [2, 3, 1, 4]


@pytest.mark.parametrize(("best", "pinned"), [((2,), False), ((), True)])
def test_one_of_the_best_and_a_rung_are_written_whatever_comes_after(
    storage: Storage, best: tuple[int, ...], pinned: bool
) -> None:
    saver = Saver(storage.save)
    busy(saver, storage)
    put(saver, 2, best=best, pinned=pinned)
    assert not saver.has_room(best)
    storage.gate.set()
    put(saver, 3, best=best)  # waits for its turn
    assert finish(saver, storage) == [1, 2, 3]


def test_a_best_that_is_no_longer_one_gives_way(storage: Storage) -> None:
    saver = Saver(storage.save)
    busy(saver, storage)
    put(saver, 2, best=(2,))
    put(saver, 3, best=(3,))
    assert finish(saver, storage) == [1, 3]


def test_a_failure_is_raised_where_training_goes_on_and_later_writes_are_tried() -> None:
    storage = Storage(fails_at=1)
    saver = Saver(storage.save)
    busy(saver, storage)
    put(saver, 2)
    with pytest.raises(StorageError, match="disk full"):
        finish(saver, storage)
    assert storage.written == [2]
    assert saver.saved_step == 2
    saver.flush()  # said once


def fail() -> None:
    raise InfeasibleError("diverged")


def leave() -> None:
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("end", "heard"), [(lambda: None, StorageError), (leave, StorageError), (fail, InfeasibleError)]
)
def test_however_a_block_ends_all_is_written_and_the_worst_news_is_heard(
    end: Callable[[], None], heard: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """exit(0) after a rung that was not saved would be a completed trial that cannot be promoted."""
    storage = Storage(fails_at=1)
    storage.gate.set()
    saver = Saver(storage.save)

    def train() -> None:
        with saver.flushed():
            put(saver, 1, pinned=True)
            put(saver, 2, pinned=True)
            end()

    with pytest.raises(heard):
        train()
    assert storage.written == [2]
    assert ("disk full" in caplog.text) == (heard is InfeasibleError)


def test_no_thread_outlives_the_writing(storage: Storage) -> None:
    saver = Saver(storage.save)
    busy(saver, storage)
    writer = next(thread for thread in threading.enumerate() if thread.name == "checkpoints")
    assert not writer.daemon  # else a process that just ends would lose it
    finish(saver, storage)
    writer.join(60)
    assert not writer.is_alive()
