"""Leader election: of all replicas, only the one that holds the Lease may act."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, NoReturn, TypeVar

import aiohttp
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from stepladder import telemetry
from stepladder.cluster.connection import ApiClient

T = TypeVar("T")

logger = logging.getLogger(__name__)

NAME: Final = "stepladder"
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
    """The right to act.

    The library's election decides who leads. What it leaves open is closed here: requests that hang or never reach the
    API server, a leader whose event loop or clock stood still (`fence`), and giving the lease back (`release`).
    """

    def __init__(
        self, client: ApiClient, namespace: str, identity: str, *, lost: Callable[[str], NoReturn] = die
    ) -> None:
        self._lock = _Lock(NAME, namespace, identity, client)
        self._lost = lost
        # The library takes what to run while leading; `hold` is that, outside of it.
        self._election: Any = LeaderElection(
            Config(self._lock, DURATION, RENEW_DEADLINE, RETRY_PERIOD, _nothing, _nothing)
        )

    async def acquire(self) -> None:
        """Stand by until this process leads."""
        logger.info("standing by for the lease %s/%s", self._lock.namespace, NAME)
        await self._election.acquire()
        telemetry.LEADER.set(1)
        logger.info("leading, as %s", self._lock.identity)

    async def hold(self) -> None:
        """Renew the lease until cancelled; a lease that is lost ends the process."""
        await self._election.renew_loop()
        self._lost("the lease is lost: it could not be renewed, or another replica took it")

    def fence(self) -> None:
        """Return if the lease is held for certain at this moment, by a clock that cannot be set; else end the process.

        The renewal above cannot notice in time that the process itself was stopped, or its event loop blocked.
        """
        if monotonic() >= self._lock.held_until:
            self._lost("the lease has run out")

    async def release(self) -> None:
        """Give the lease back, so that a successor need not wait until it runs out. Nothing may act after this."""
        telemetry.LEADER.set(0)
        if await self._lock.release():
            logger.info("the lease is released")


async def _nothing() -> None:
    """The election's callbacks."""


class _Lock(LeaseLock):
    """LeaseLock lets connection errors and timeouts end the election, and cannot release."""

    held_until = 0.0

    async def get(self, name: str, namespace: str) -> Any:
        unanswered: tuple[bool, Any] = (False, ApiException(reason="no answer"))
        found: bool
        record: Any
        found, record = await self._bounded(super().get(name, namespace), otherwise=unanswered)
        if found and record.holder_identity != self.identity:
            self.held_until = 0.0  # someone else's already; the library would go on trying until its deadline
        return found, record

    async def create(self, name: str, namespace: str, election_record: Any) -> bool:
        return await self._extend(super().create(name, namespace, election_record))

    async def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        return await self._extend(super().update(name, namespace, updated_record))

    async def release(self) -> bool:
        found, record = await self.get(self.name, self.namespace)
        if not found or record.holder_identity != self.identity:
            return False
        self.held_until = 0.0
        lease: Any = self.lease_reference
        lease.spec.holder_identity = ""
        lease.spec.renew_time = datetime.now(UTC)
        return await self._bounded(self._replace(lease), otherwise=False)

    async def _replace(self, lease: Any) -> bool:
        await self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
        return True

    async def _extend(self, write: Coroutine[Any, Any, bool]) -> bool:
        started = monotonic()  # before the request: the API server counts from a moment after it
        written = await self._bounded(write, otherwise=False)
        if written:
            self.held_until = started + DURATION
        return written

    async def _bounded(self, request: Coroutine[Any, Any, T], otherwise: T) -> T:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                return await request
        except (aiohttp.ClientError, ApiException, OSError, TimeoutError) as error:
            logger.warning("lease: %s: %s", type(error).__name__, error)
            return otherwise
