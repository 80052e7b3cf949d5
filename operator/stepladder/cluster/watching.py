"""The watches: kopf with stateless handlers only, so that it writes nothing to any object."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import kopf

from stepladder import telemetry
from stepladder.cluster.connection import Configuration, login
from stepladder.cluster.store import SELECTED
from stepladder.control.store import WATCHED, Change, Resource

# It warns that the signals are not its own, which is what we want; all else that it says there is raised too.
logging.getLogger("kopf._core.reactor.running").setLevel("ERROR")

Configure = Callable[[], Awaitable[Configuration]]

# Seconds between attempts to reach the API server again; the last one is repeated for as long as it takes.
_BACKOFFS: Final = (1, 1, 2, 3, 5, 8, 13, 21, 30)


# Seconds: for kopf to stop (it takes 0.1), and for its connections to say goodbye before their loop is closed.
STOPPING: Final = 5
TLS_CLOSING: Final = 0.25


class Backoffs:
    """Delays without an end, from the start for every request: where kopf runs out of delays, it ends the process."""

    def __iter__(self) -> Iterator[float]:
        yield from _BACKOFFS
        while True:
            yield _BACKOFFS[-1]


def settings() -> kopf.OperatorSettings:
    """kopf's settings, where its defaults could stall a watch in silence, write objects, or need more rights."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.scanning.disabled = True  # else kopf watches CRDs and namespaces, and needs the rights to
    made.watching.server_timeout = 300
    made.watching.client_timeout = 330
    made.watching.connect_timeout = 5
    made.watching.inactivity_timeout = 70  # bookmarks come every 60 s
    made.watching.chunk_size = 500
    for resource, selector in SELECTED.items():
        made.watching.label_selectors[resource.group, resource.version, resource.plural] = selector
    made.networking.request_timeout = 60
    made.networking.connect_timeout = 5
    made.networking.error_backoffs = Backoffs()
    made.process.ultimate_exiting_timeout = None  # main decides when the process ends
    return made


def registry(
    publish: Callable[[Change], None], log_in: Callable[[], Awaitable[kopf.AiohttpSession]]
) -> kopf.OperatorRegistry:
    """One stateless handler for each watched resource, and the login."""
    made = kopf.OperatorRegistry()
    for resource in WATCHED:
        _observe(made, resource, publish)

    @kopf.on.login(registry=made)
    async def authenticate(**_: Any) -> kopf.AiohttpSession:
        return await log_in()

    return made


def _observe(made: kopf.OperatorRegistry, resource: Resource, publish: Callable[[Change], None]) -> None:
    @kopf.on.event(resource.group, resource.version, resource.plural, id=resource.plural, registry=made)
    async def observe(event: Any, **_: Any) -> None:
        seen = change(resource, event)
        telemetry.WATCH_EVENTS.labels(resource=resource.plural, type=seen.type).inc()
        publish(seen)


def change(resource: Resource, event: Any) -> Change:
    """What kopf's raw event says. When the object was listed and not watched it has no type."""
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    return Change(event["type"] or "ADDED", resource, kind | event["object"])


class WatchEnded(Exception):
    """The watches are gone; the cause says why. They do not come back by themselves: the process has to end."""


class Watch:
    """kopf, in a thread and event loop of its own: when it ends, it cancels every task of its loop and waits for them,
    and in the main thread it would take SIGTERM for itself."""

    def __init__(self, configure: Configure, publish: Callable[[Change], None], namespaces: Sequence[str] = ()) -> None:
        self._configure = configure
        self._publish = publish
        self._namespaces = tuple(namespaces)

    async def run(self) -> None:
        """Watch until cancelled.

        Raises:
            WatchEnded: kopf ended. It retries what may pass; what remains is fatal.
        """
        loop = asyncio.get_running_loop()
        broken: asyncio.Future[None] = loop.create_future()
        over = asyncio.Event()
        watching = asyncio.new_event_loop()
        # Not a threading.Event: kopf would wait for one in an executor, which nothing could shut down after an error.
        stop = asyncio.Event()

        def in_our_loop(call: Callable[[], None]) -> None:
            with suppress(RuntimeError):  # it is closed: nobody waits any more
                loop.call_soon_threadsafe(call)

        def thread() -> None:
            try:
                with asyncio.Runner(loop_factory=lambda: watching) as runner:
                    runner.run(self._watch(stop, lambda error: in_our_loop(partial(_break, broken, error))))
            except BaseException as error:  # noqa: BLE001 - handed to the loop that awaits this thread
                in_our_loop(partial(_break, broken, error))
            in_our_loop(over.set)

        threading.Thread(target=thread, name="kopf", daemon=True).start()
        try:
            await asyncio.shield(broken)
        except asyncio.CancelledError:
            with suppress(RuntimeError):  # this one is closed: kopf has ended
                watching.call_soon_threadsafe(stop.set)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), STOPPING)
            raise

    async def _watch(self, stop: asyncio.Event, fail: Callable[[BaseException], None]) -> None:
        async def log_in() -> kopf.AiohttpSession:
            try:
                return await login(await self._configure())
            except Exception as error:  # kopf would log it, and wait for credentials for ever
                fail(error)
                raise

        identity: Any = "stepladder"  # of no use without peering, but kopf would ask for the name of a user without one
        tasks = await kopf.spawn_tasks(
            identity=identity,
            registry=registry(self._publish, log_in),
            settings=settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=stop,
        )
        # The first task to end is the end of the watches. kopf knows, but then waits for all the others, some of which
        # may never end: seen when one watch fails while another is about to connect.
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            fail(
                (None if task.cancelled() else task.exception()) or RuntimeError(f"kopf's {task.get_name()} has ended")
            )
        await kopf.run_tasks(tasks)
        await asyncio.sleep(TLS_CLOSING)


def _break(broken: "asyncio.Future[None]", error: BaseException) -> None:
    if not broken.done():
        ended = WatchEnded(f"{type(error).__name__}: {error}")
        ended.__cause__ = error
        broken.set_exception(ended)
        broken.exception()  # whoever was cancelled does not ask for it
