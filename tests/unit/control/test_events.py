"""Events: told after the fact, counted when repeated, and never a reason to fail."""

import asyncio
from typing import Any

import pytest

from control import samples
from control.virtual import VirtualClock, run
from stepladder.control.events import EventRecorder, Happening
from stepladder.control.store import EVENTS, Object, Resource, Unavailable
from stepladder.local.store import MemoryStore


async def told(store: MemoryStore) -> list[Object]:
    return list((await store.list(EVENTS, samples.NAMESPACE)).items)


def test_the_same_again_is_counted_and_another_is_another() -> None:
    async def main() -> None:
        store = MemoryStore()
        events = EventRecorder(store, VirtualClock())
        for _ in range(3):
            await events.record(samples.trial(), Happening("QuotaExceeded", "waits", warning=True))
            await asyncio.sleep(60)
        await events.record(samples.trial(), Happening("QuotaExceeded", "waits for more"))
        await events.record(samples.trial(uid="made-again"), Happening("QuotaExceeded", "waits", warning=True))
        found = await told(store)
        assert sorted(e["count"] for e in found) == [1, 1, 3]
        repeated = next(e for e in found if e["count"] == 3)
        assert (repeated["firstTimestamp"], repeated["lastTimestamp"]) == (
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:02:00Z",
        )
        assert (repeated["type"], repeated["reason"], repeated["message"]) == ("Warning", "QuotaExceeded", "waits")
        assert repeated["involvedObject"]["uid"] == "trial-uid"

    run(main())


def test_an_event_that_cannot_be_written_harms_nobody() -> None:
    class Refusing(MemoryStore):
        async def create(self, resource: Resource, manifest: Object) -> Object:
            raise Unavailable("the API server is away")

    async def main() -> None:
        await EventRecorder(Refusing(), VirtualClock()).record(samples.trial(), Happening("Why", "not"))

    run(main())


@pytest.mark.parametrize("message", ["x" * 5000, "", "\u00e9" * 2000])
def test_a_message_of_any_length(message: str) -> None:
    async def main() -> None:
        store = MemoryStore()
        await EventRecorder(store, VirtualClock()).record(samples.trial(), Happening("Why", message))
        [event] = await told(store)
        assert event["message"] == message[:1024]

    run(main())


def test_a_long_name_makes_a_valid_one() -> None:
    """An Event's name begins with the object's, cut where it may not end."""

    async def main() -> None:
        store = MemoryStore()
        about: dict[str, Any] = samples.trial("a" * 199 + "-" + "b" * 40)
        await EventRecorder(store, VirtualClock()).record(about, Happening("Why", "not"))
        assert len(await told(store)) == 1

    run(main())
