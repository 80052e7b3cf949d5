"""Leader election: of all replicas, only the one that holds the Lease may act.

The algorithm is client-go's (tools/leaderelection), with one addition, the fence. It is not the Python library's: the
LeaseLock of kubernetes 37.0.2 cannot create a Lease, lets connection errors end the election, measures time by a clock
that can be set, and cannot give a lease back.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, NoReturn

from stepladder import telemetry
from stepladder.control.store import Conflict, NotFound, ObjectStore, Resource, StoreError

logger = logging.getLogger(__name__)

LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
# Seconds, as in every controller of Kubernetes itself.
DURATION: Final = 15
RENEW_DEADLINE: Final = 10
RETRY_PERIOD: Final = 2
REQUEST_TIMEOUT: Final = 5


def die(why: str) -> NoReturn:
    """End the process without running another line of it: whatever it did next, the new leader could be doing too."""
    logger.critical("%s; this process ends at once", why)
    logging.shutdown()
    os._exit(1)


class Lease:
    """The right to act, written to a Lease object through a store of its own (which is not fenced by it).

    `identity` tells the replicas apart. A process that starts under the identity of the holder takes over at once: it
    is the same pod's next container. `lost` ends the process.
    """

    def __init__(
        self,
        store: ObjectStore,
        namespace: str,
        name: str,
        identity: str,
        *,
        lost: Callable[[str], NoReturn] = die,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._lost = lost
        self._clock = clock
        self._sleep = sleep
        self._renewed: float | None = None  # when the last successful write began; None while not leading
        self._seen: Any = None  # what the Lease said last, and since when by our clock
        self._seen_at = 0.0

    async def acquire(self) -> None:
        """Stand by until this process leads."""
        logger.info("standing by for the lease %s/%s", self._namespace, self._name)
        while not await self._claim():
            await self._sleep(RETRY_PERIOD)
        telemetry.LEADER.set(1)
        logger.info("leading, as %s", self._identity)

    async def hold(self) -> None:
        """Renew the lease until cancelled; a lease that is lost ends the process."""
        while True:
            await self._sleep(RETRY_PERIOD)
            if not await self._claim() and self._age() >= RENEW_DEADLINE:
                self._lost(f"the lease could not be renewed for {self._age():.0f} s")

    def fence(self) -> None:
        """Return if no other process can hold the lease at this moment; else end the process.

        `hold` cannot notice in time that the process itself was stopped, or its event loop blocked.
        """
        if self._age() >= DURATION:
            self._lost("the lease has run out")

    async def release(self) -> None:
        """Give the lease back, so that a successor need not wait until it runs out. Write nothing after this."""
        self._renewed = None
        telemetry.LEADER.set(0)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                lease = await self._store.get(LEASES, self._namespace, self._name)
                if lease["spec"].get("holderIdentity") == self._identity:
                    await self._write({"holderIdentity": None, "renewTime": _now()}, lease)
                    logger.info("the lease is given back")
        except (StoreError, TimeoutError) as error:
            logger.warning("the lease is not given back, and will run out: %s", error)

    def _age(self) -> float:
        """Seconds since the lease was certainly ours; counted from before the request, so never too few."""
        return float("inf") if self._renewed is None else self._clock() - self._renewed

    async def _claim(self) -> bool:
        """Acquire or renew. False if another holds it, or was faster, or the API server does not answer."""
        began = self._clock()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                held = await self._get_or_take()
        except Conflict:
            held = False
        except (StoreError, TimeoutError) as error:
            logger.warning("lease: %s: %s", type(error).__name__, error)
            held = False
        if held:
            self._renewed = began
        return held

    async def _get_or_take(self) -> bool:
        mine: dict[str, Any] = {"holderIdentity": self._identity, "leaseDurationSeconds": DURATION, "renewTime": _now()}
        try:
            lease = await self._store.get(LEASES, self._namespace, self._name)
        except NotFound:
            metadata = {"name": self._name, "namespace": self._namespace}
            mine |= {"acquireTime": _now(), "leaseTransitions": 0}
            kind = {"apiVersion": LEASES.api_version, "kind": LEASES.kind}
            await self._store.create(LEASES, kind | {"metadata": metadata, "spec": mine})
            return True
        spec: dict[str, Any] = lease.get("spec") or {}
        if spec != self._seen:
            self._seen, self._seen_at = spec, self._clock()
        holder = spec.get("holderIdentity")
        if holder and holder != self._identity:
            if self._renewed is not None:
                self._lost(f"{holder} has taken the lease")
            if self._clock() < self._seen_at + max(DURATION, spec.get("leaseDurationSeconds") or 0):
                return False
        if holder != self._identity:
            mine |= {"acquireTime": _now(), "leaseTransitions": (spec.get("leaseTransitions") or 0) + 1}
        await self._write(mine, lease)
        return True

    async def _write(self, spec: dict[str, Any], read: dict[str, Any]) -> None:
        version = read["metadata"]["resourceVersion"]
        await self._store.patch(LEASES, self._namespace, self._name, {"spec": spec}, resource_version=version)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
