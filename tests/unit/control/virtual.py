"""Virtual time: the controller's own code, on a clock that jumps to the next thing that is due."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import looptime

T = TypeVar("T")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """The running loop's time as a date."""

    def now(self) -> datetime:
        """Seconds of loop time after the epoch."""
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


def run(main: Coroutine[object, object, T]) -> T:
    """Run to the end in virtual time; a run that takes a virtual day hangs, and fails."""
    loop = looptime.new_event_loop(end=86_400, noop_cycles=0)
    try:
        return loop.run_until_complete(main)
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.wait(pending))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
