"""Proposals: off the event loop, one at a time, and a storage that refuses is left alone for a while."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from control.virtual import run
from stepladder.api.model import Scalar
from stepladder.api.study import Direction, Sampler, SamplerAlgorithm
from stepladder.control.cache import Key
from stepladder.control.store import STUDIES
from stepladder.control.suggestions import RETRY_SECONDS, Suggestions
from stepladder.search.history import History, Record

SECONDS = 0.02
STUDY = Key(STUDIES, "lab", "study")


class Storage:
    """A storage that remembers what it was asked, and may refuse."""

    def __init__(self) -> None:
        self.mirrored: list[int] = []
        self.proposed: list[int] = []
        self.forgotten: list[str] = []
        self.refuses = False

    def mirror(self, history: History) -> None:
        self._perhaps_refuse()
        self.mirrored.append(len(history.records))

    def propose(self, history: History, index: int) -> Mapping[str, Scalar]:
        self._perhaps_refuse()
        self.proposed.append(index)
        return {"x": index}

    def forget(self, name: str) -> None:
        self.forgotten.append(name)

    def _perhaps_refuse(self) -> None:
        if self.refuses:
            raise OSError("disk full")


class Slow(Executor):
    """One thing after the other, each taking its time (which virtual time waits for, as it does for threads)."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        loop = asyncio.get_running_loop()
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - it is the future's
                future.set_exception(error)

        self._free_at = max(self._free_at, loop.time()) + SECONDS
        loop.call_at(self._free_at, work)
        return future


def history(records: int = 0, name: str = "lab/study/uid/explore/0") -> History:
    made = tuple(Record({"x": number}) for number in range(records))
    return History(name, Direction.MINIMIZE, (), Sampler(algorithm=SamplerAlgorithm.RANDOM), 0, made)


class World:
    def __init__(self) -> None:
        self.record = Storage()
        self.woken: list[Key] = []
        self.suggestions = Suggestions(self.record, Slow(), self.woken.append)


def test_a_proposal_is_asked_for_once_and_the_study_is_told() -> None:
    async def main() -> None:
        world = World()
        for _ in range(5):
            assert world.suggestions.get(STUDY, history(), 0) is None
        await asyncio.sleep(3)
        assert (world.woken, world.record.proposed) == ([STUDY], [0])
        assert world.suggestions.get(STUDY, history(), 0) == {"x": 0}

    run(main())


def test_a_proposal_that_was_taken_is_not_kept() -> None:
    """Catches memory that grows with every trial. Asked again, the record gives the same."""

    async def main() -> None:
        world = World()
        for _ in range(2):
            assert world.suggestions.get(STUDY, history(), 0) is None
            await asyncio.sleep(2)
            assert world.suggestions.get(STUDY, history(), 0) == {"x": 0}
        assert world.record.proposed == [0, 0]

    run(main())


def test_what_the_storage_cannot_keep_up_with_is_skipped() -> None:
    """Catches a queue of histories that grows while the storage is slow, with the proposals behind it."""

    async def main() -> None:
        world = World()
        for count in range(1, 101):
            world.suggestions.mirror(STUDY, history(count))
            await asyncio.sleep(SECONDS / 200)
        world.suggestions.get(STUDY, history(100), 100)
        await asyncio.sleep(5)
        assert world.record.mirrored == [1, 100]
        assert world.record.proposed == [100]

    run(main())


def test_the_same_history_is_mirrored_once() -> None:
    async def main() -> None:
        world = World()
        for _ in range(3):
            world.suggestions.mirror(STUDY, history(4))
            await asyncio.sleep(2)
        world.suggestions.mirror(STUDY, history(4, name="another"))
        await asyncio.sleep(2)
        assert world.record.mirrored == [4, 4]

    run(main())


@pytest.mark.parametrize("what", ["propose", "mirror"])
def test_a_storage_that_refuses_is_left_alone_for_a_while(what: str) -> None:
    """Catches a study that is reconciled as fast as its storage can fail."""

    async def main() -> None:
        world = World()
        world.record.refuses = True

        def reconcile() -> None:
            world.suggestions.mirror(STUDY, history(1)) if what == "mirror" else world.suggestions.get(
                STUDY, history(1), 1
            )

        asked = 0
        while asyncio.get_running_loop().time() < 60:
            reconcile()
            await asyncio.sleep(0.1)
            asked += 1
        assert asked > 500
        assert 60 / (RETRY_SECONDS + 1) <= len(world.woken) <= 60 / RETRY_SECONDS + 1
        assert world.suggestions.failure(STUDY) == "disk full"
        world.record.refuses = False
        await asyncio.sleep(RETRY_SECONDS)
        reconcile()
        await asyncio.sleep(2)
        assert world.suggestions.failure(STUDY) == ""
        assert world.record.mirrored == ([1] if what == "mirror" else [])

    run(main())


def test_a_deleted_study_is_forgotten_with_what_it_waits_for() -> None:
    async def main() -> None:
        world = World()
        world.suggestions.mirror(STUDY, history(2))
        await asyncio.sleep(2)
        world.suggestions.get(STUDY, history(2), 2)
        world.suggestions.forget(STUDY)
        await asyncio.sleep(5)
        assert world.record.forgotten == [history().name]
        # Made again, it asks for itself: the answer to the old one is not its own.
        assert world.suggestions.get(STUDY, history(0, name="lab/study/new-uid/explore/0"), 0) is None
        assert world.suggestions.failure(STUDY) == ""

    run(main())
