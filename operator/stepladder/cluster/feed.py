"""The way of a change from kopf's thread to whoever iterates over the store's changes."""

import asyncio
from collections.abc import AsyncIterator

from stepladder.control.store import Change


class Feed:
    """Hands every change to every subscriber. Queues are unbounded: a change is small, and the work queue behind
    them keeps one entry per object."""

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[Change], asyncio.AbstractEventLoop] = {}

    def publish(self, change: Change) -> None:
        """Add a change; from any thread."""
        for queue, loop in tuple(self._queues.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(queue.put_nowait, change)

    def subscribe(self) -> AsyncIterator[Change]:
        """Every change published from now on (not from the first iteration on)."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._queues[queue] = asyncio.get_running_loop()
        return self._drain(queue)

    async def _drain(self, queue: asyncio.Queue[Change]) -> AsyncIterator[Change]:
        try:
            while True:
                yield await queue.get()
        finally:
            del self._queues[queue]
