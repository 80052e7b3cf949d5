"""The work queue: nothing asked for is forgotten, nothing is done twice at once."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import pytest

from control.virtual import run
from stepladder.control.workqueue import LONGEST_BACKOFF_SECONDS, WorkQueue


def in_loop(main: Coroutine[object, object, None]) -> None:
    run(main)


async def drained(queue: WorkQueue[Any], seconds: float = 0.0) -> list[Any]:
    """What comes out within so many seconds, each done at once."""
    found = []
    await asyncio.sleep(seconds)
    while len(queue):
        found.append(await queue.get())
        queue.done(found[-1])
    return found


def test_a_key_is_queued_once() -> None:
    async def main() -> None:
        queue = WorkQueue[str]()
        for key in ("a", "b", "a"):
            queue.add(key)
        assert await drained(queue) == ["a", "b"]

    in_loop(main())


def test_a_key_added_while_it_is_processed_is_processed_again_and_not_before() -> None:
    """Catches an event that comes in the middle of a reconcile and is lost, and two reconciles of one object."""

    async def main() -> None:
        queue = WorkQueue[str]()
        queue.add("a")
        key = await queue.get()
        queue.add("a")
        queue.add("a")
        assert len(queue) == 0
        queue.done(key)
        assert await drained(queue) == ["a"]

    in_loop(main())


def test_a_timer_that_goes_off_while_its_key_is_processed_is_not_lost() -> None:
    async def main() -> None:
        queue = WorkQueue[str]()
        queue.add("a")
        key = await queue.get()
        queue.add_after("a", 1)
        await asyncio.sleep(2)
        assert len(queue) == 0
        queue.done(key)
        assert await drained(queue) == ["a"]

    in_loop(main())


def test_the_earlier_of_two_timers_counts() -> None:
    async def main() -> None:
        queue = WorkQueue[str]()
        queue.add_after("a", 5)
        queue.add_after("a", 2)
        queue.add_after("a", 9)
        assert await drained(queue, 1.9) == []
        assert await drained(queue, 0.2) == ["a"]
        assert await drained(queue, 20) == []

    in_loop(main())


def test_asking_now_makes_the_timer_needless() -> None:
    async def main() -> None:
        queue = WorkQueue[str]()
        queue.add_after("a", 5)
        queue.add("a")
        assert await drained(queue) == ["a"]
        assert await drained(queue, 20) == []

    in_loop(main())


def test_failures_wait_longer_and_longer_until_one_succeeds() -> None:
    async def main() -> None:
        queue, waits = WorkQueue[str](), []
        loop = asyncio.get_running_loop()
        for _ in range(12):
            start = loop.time()
            queue.retry("a")
            queue.done(await queue.get())
            waits.append(loop.time() - start)
        assert waits[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
        assert waits[-1] == pytest.approx(LONGEST_BACKOFF_SECONDS)
        queue.succeeded("a")
        start = loop.time()
        queue.retry("a")
        await queue.get()
        assert loop.time() - start == pytest.approx(0.1)

    in_loop(main())


def test_one_that_waits_is_woken() -> None:
    async def main() -> None:
        queue = WorkQueue[str]()
        waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(1)
        for key in ("a", "b", "c"):
            queue.add(key)
        assert sorted(await asyncio.gather(*waiting)) == ["a", "b", "c"]

    in_loop(main())


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_adding_and_working(seed: int) -> None:
    """After the last add of a key it is worked on at least once more, and never by two at once."""
    chance = random.Random(seed)
    latest: dict[int, int] = dict.fromkeys(range(5), 0)
    worked: dict[int, int] = {}
    busy: set[int] = set()

    async def main() -> None:
        queue = WorkQueue[int]()

        async def work() -> None:
            while True:
                key = await queue.get()
                assert key not in busy, "two at once"
                busy.add(key)
                worked[key] = latest[key]
                await asyncio.sleep(chance.choice([0, 0.1, 1]))
                if chance.random() < 0.3:
                    queue.retry(key)
                else:
                    queue.succeeded(key)
                busy.discard(key)
                queue.done(key)

        workers = [asyncio.create_task(work()) for _ in range(3)]
        for _ in range(200):
            key = chance.randrange(5)
            latest[key] += 1
            if chance.random() < 0.5:
                queue.add(key)
            else:
                queue.add_after(key, chance.random())
            await asyncio.sleep(chance.choice([0, 0, 0.05, 0.5]))
        await asyncio.sleep(600)
        for worker in workers:
            assert not worker.done(), worker.exception()
            worker.cancel()

    in_loop(main())
    assert worked == latest
