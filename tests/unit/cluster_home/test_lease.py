"""Who may act, and who may not any more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import pytest

from stepladder.cluster.lease import DURATION, LEASES, Lease
from stepladder.control.store import Object, Resource, Unavailable
from stepladder.local.store import MemoryStore

NAMESPACE = "stepladder-system"
NAME = "stepladder"


class Lost(Exception):
    """Stands for the end of the process."""


def die(why: str) -> NoReturn:
    raise Lost(why)


class Cluster:
    """The API server's one Lease, and a clock that everybody reads. Sleeping passes at once; then `meanwhile` runs."""

    def __init__(self) -> None:
        self.store = Store()
        self.now = 1000.0
        self.naps = 0
        self.meanwhile: Callable[[int], Awaitable[None]] | None = None

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.naps += 1
        assert self.naps < 100, "it never ends"
        await asyncio.sleep(0)
        if self.meanwhile:
            await self.meanwhile(self.naps)

    async def holder(self) -> str | None:
        spec = (await self.store.get(LEASES, NAMESPACE, NAME))["spec"]
        return spec.get("holderIdentity")  # type: ignore[no-any-return]  # raw JSON

    def candidate(self, name: str) -> Lease:
        return Lease(self.store, NAMESPACE, NAME, name, lost=die, clock=lambda: self.now, sleep=self.sleep)


class Store(MemoryStore):
    """Refuses everything while it is `broken`."""

    broken = False

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        if self.broken:
            raise Unavailable("connection refused")
        return await super().get(resource, namespace, name)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


async def test_a_standby_waits_until_the_leader_gives_the_lease_back(cluster: Cluster) -> None:
    """Without the release every restart of the operator would stand still for 15 s."""
    first, second = cluster.candidate("first"), cluster.candidate("second")
    await first.acquire()
    first.fence()

    async def release(naps: int) -> None:
        assert await cluster.holder() == "first"
        if naps == 2:
            await first.release()

    cluster.meanwhile = release
    await second.acquire()
    assert cluster.naps == 2
    assert await cluster.holder() == "second"
    second.fence()
    with pytest.raises(Lost):
        first.fence()


async def test_a_standby_takes_over_when_the_lease_has_run_out_and_not_before(cluster: Cluster) -> None:
    first, second = cluster.candidate("first"), cluster.candidate("second")
    await first.acquire()
    began = cluster.now
    await second.acquire()
    assert began + DURATION <= cluster.now <= began + DURATION + 4
    with pytest.raises(Lost):
        first.fence()


async def test_a_standby_never_takes_over_from_a_leader_that_renews(cluster: Cluster) -> None:
    leader, standby = cluster.candidate("leader"), cluster.candidate("standby")
    await leader.acquire()

    async def stop(naps: int) -> None:
        if naps > 40:
            raise asyncio.CancelledError

    cluster.meanwhile = stop
    done = await asyncio.gather(leader.hold(), standby.acquire(), return_exceptions=True)
    assert [type(outcome) for outcome in done] == [asyncio.CancelledError, asyncio.CancelledError]
    assert await cluster.holder() == "leader"


async def test_only_one_of_many_that_start_at_once_leads(cluster: Cluster) -> None:
    """A create or an update that is based on what another has overwritten must not count as won."""

    async def stop(naps: int) -> None:
        if naps > 4:
            raise asyncio.CancelledError

    cluster.meanwhile = stop
    candidates = [cluster.candidate(str(number)) for number in range(5)]
    done = await asyncio.gather(*(candidate.acquire() for candidate in candidates), return_exceptions=True)
    assert sorted(isinstance(outcome, BaseException) for outcome in done) == [False, True, True, True, True]


async def test_a_leader_that_was_frozen_may_not_write_when_it_wakes(cluster: Cluster) -> None:
    """Its renewal task has not had the time to notice; the first write of the woken process must."""
    leader = cluster.candidate("leader")
    await leader.acquire()
    cluster.now += DURATION - 1
    leader.fence()
    cluster.now += 1
    with pytest.raises(Lost, match="run out"):
        leader.fence()


async def test_a_leader_that_cannot_renew_is_lost_before_its_lease_can_be_taken(cluster: Cluster) -> None:
    leader = cluster.candidate("leader")
    await leader.acquire()
    began = cluster.now
    cluster.store.broken = True
    with pytest.raises(Lost, match="could not be renewed"):
        await leader.hold()
    assert cluster.now < began + DURATION


async def test_a_short_outage_is_survived(cluster: Cluster) -> None:
    leader = cluster.candidate("leader")
    await leader.acquire()

    async def outage(naps: int) -> None:
        cluster.store.broken = 2 <= naps <= 4
        if naps == 20:
            raise asyncio.CancelledError

    cluster.meanwhile = outage
    with pytest.raises(asyncio.CancelledError):
        await leader.hold()
    leader.fence()


async def test_a_standby_waits_out_an_api_server_that_does_not_answer(cluster: Cluster) -> None:
    cluster.store.broken = True

    async def back(naps: int) -> None:
        cluster.store.broken = naps < 3

    cluster.meanwhile = back
    await cluster.candidate("standby").acquire()
    assert cluster.naps == 3


async def test_a_leader_ends_at_once_when_another_holds_the_lease(cluster: Cluster) -> None:
    """By its own clock the lease would hold for another while: somebody took it by hand."""
    leader = cluster.candidate("leader")
    await leader.acquire()
    await cluster.store.patch(LEASES, NAMESPACE, NAME, {"spec": {"holderIdentity": "thief"}})
    with pytest.raises(Lost, match="thief"):
        await leader.hold()
    assert cluster.naps == 1


async def test_the_next_container_of_the_same_pod_does_not_wait(cluster: Cluster) -> None:
    """After a crash the lease is still held, by the process that crashed."""
    await cluster.candidate("pod").acquire()
    restarted = cluster.candidate("pod")
    await restarted.acquire()
    restarted.fence()
    assert cluster.naps == 0


async def test_only_the_holder_gives_the_lease_back(cluster: Cluster) -> None:
    await cluster.candidate("first").acquire()
    await cluster.candidate("second").release()
    assert await cluster.holder() == "first"


async def test_giving_back_a_lease_to_an_api_server_that_is_down_does_not_fail(cluster: Cluster) -> None:
    leader = cluster.candidate("leader")
    await leader.acquire()
    cluster.store.broken = True
    await leader.release()


async def test_nothing_may_be_written_before_the_lease_is_held(cluster: Cluster) -> None:
    with pytest.raises(Lost):
        cluster.candidate("eager").fence()
