"""The operator's process: stand by for the lease, then watch and reconcile until told to stop or until anything fails.

Crash-only: nothing here repairs itself. The process exits, Kubernetes starts it again, and the objects say where to
go on.
"""

import asyncio
import logging
import signal
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from stepladder import telemetry
from stepladder.api import names
from stepladder.cluster import health, transport
from stepladder.cluster.connection import ApiClient, api_client, configure
from stepladder.cluster.feed import Feed
from stepladder.cluster.lease import Lease
from stepladder.cluster.store import ApiServerStore
from stepladder.cluster.watching import Watch
from stepladder.control.controller import Controller
from stepladder.control.store import STUDIES, TRIALS, NotFound, Unavailable

logger = logging.getLogger(__name__)

# Seconds: between looks for the API server and the CRDs at the start, and for the controller to finish its writes.
RETRY: Final = 3
GRACE: Final = 10


@dataclass(frozen=True)
class Options:
    """What the command line and the environment decide.

    Without namespaces the whole cluster is served, with a lease only its holder acts; `identity` must tell the replicas
    apart.
    """

    namespaces: tuple[str, ...]
    storage_url: str
    leader_elect: bool
    lease_namespace: str
    lease_name: str
    identity: str
    metrics_port: int
    health_port: int
    kubeconfig: Path | None = None


async def operate(options: Options) -> int:
    """Run the operator, and return the exit code: 0 after SIGTERM or SIGINT, 1 after any failure."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    parts: list[asyncio.Task[Any]] = []
    async with (
        health.serving(health.health(partial(ended, parts)), options.health_port),
        health.serving(health.metrics(), options.metrics_port),
    ):
        leading = asyncio.create_task(_lead(options, parts), name="operator")
        stopping = asyncio.create_task(told.wait())
        await asyncio.wait({leading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if told.is_set():
            logger.info("told to stop")
            leading.cancel()
            await asyncio.wait({leading}, timeout=GRACE)
            return 0
        stopping.cancel()
        logger.critical("the operator failed", exc_info=leading.exception())
        return 1


def ended(parts: Sequence["asyncio.Task[Any]"]) -> str | None:
    """Which part of the operator does not run any more. That ends the process, unless something hangs on the way."""
    return next((f"the {part.get_name()} has ended" for part in parts if part.done()), None)


async def _lead(options: Options, parts: list["asyncio.Task[Any]"]) -> None:
    """Acquire the lease, run the parts until one ends, and give the lease back when all have."""
    async with AsyncExitStack() as stack:
        configuration = await configure(options.kubeconfig)
        client = api_client(configuration)
        stack.push_async_callback(client.close)
        lease = None
        if options.leader_elect:
            # Its own connections: a renewal may not wait behind a thousand other requests.
            elector = api_client(configuration)
            stack.push_async_callback(elector.close)
            lease = Lease(
                ApiServerStore(elector, Feed()), options.lease_namespace, options.lease_name, options.identity
            )
            await lease.acquire()
            stack.push_async_callback(lease.release)
        telemetry.LEADER.set(1)

        feed = Feed()
        fence = {"fence": lease.fence} if lease else {}
        store = ApiServerStore(client, feed, namespaces=options.namespaces, **fence)
        namespace = options.namespaces[0] if len(options.namespaces) == 1 else None
        controller = Controller(store, storage_url=options.storage_url, namespace=namespace)
        telemetry.QUEUE_DEPTH.set_function(lambda: len(controller.queue))
        watch = Watch(partial(configure, options.kubeconfig), feed.publish, options.namespaces)
        async with asyncio.TaskGroup() as group:
            if lease:
                parts.append(group.create_task(_unending(lease.hold()), name="lease"))
            await served(client)
            parts.append(group.create_task(_unending(controller.run()), name="controller"))
            parts.append(group.create_task(_unending(watch.run()), name="watch"))


async def _unending(part: Coroutine[Any, Any, None]) -> None:
    await part
    raise RuntimeError("a part that should run for ever has returned")


async def served(client: ApiClient) -> None:
    """Wait until the API server answers and knows our kinds: kopf looks for them once only."""
    wanted = {STUDIES.plural, TRIALS.plural}
    while True:
        try:
            answer = await transport.request(client, "GET", f"/apis/{names.API_VERSION}", resource="discovery")
            if wanted <= {resource["name"] for resource in answer["resources"]}:
                telemetry.UP.set(1)
                return
            reason = "some are missing"
        except (NotFound, Unavailable) as error:
            reason = str(error)
        logger.error(
            "waiting for the CRDs of %s (%s). Install them with the chart (crds.enabled=true) or apply crds/.",
            names.API_VERSION,
            reason,
        )
        await asyncio.sleep(RETRY)
