"""The controller against a store that refuses, forgets and interferes."""

import asyncio
import copy
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Self

from control import samples
from control.virtual import VirtualClock, run
from control.world import FaultyStore
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.controller import Controller
from stepladder.control.scraping import Fetch
from stepladder.control.store import (
    EVENTS,
    PODS,
    QUOTAS,
    TRIALS,
    Listing,
    Object,
    Resource,
)
from stepladder.local.store import MemoryStore
from stepladder.search.record import OptunaRecord

NS = samples.NAMESPACE


class Refusing(FaultyStore):
    """Lets pods be created, or raises what it is told to."""

    refusal: Callable[[], Exception] | None = None
    refused = ""  # only pods whose names begin so
    slowness = 0.0
    tried = 0

    async def create(self, resource: Resource, manifest: Object) -> Object:
        if resource == PODS:
            self.tried += 1
            refusal = self.refusal
            await asyncio.sleep(self.slowness)
            if refusal is not None and manifest["metadata"]["name"].startswith(self.refused):
                raise refusal()
        return await super().create(resource, manifest)


class Blind(FaultyStore):
    """Lists no pods: a list that is served from an old cache does not show the newest."""

    async def list(
        self, resource: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Listing:
        listing = await super().list(resource, namespace, labels)
        return Listing((), listing.resource_version) if resource == PODS else listing


async def no_metrics(_: str) -> str:
    return ""


class Lab:
    """A store and a running controller. No kubelet: what becomes of pods is the test's to say."""

    trainer: Final[dict[str, Any]] = {"template": {"spec": {"containers": [{"name": "trainer", "image": "i"}]}}}

    def __init__(self, *, record: OptunaRecord | None = None, fetch: Fetch = no_metrics) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(clock=self.clock.now)
        self.seen = Refusing(self.store)
        self._controller = Controller(
            self.seen, record=record or OptunaRecord("memory://"), clock=self.clock, fetch=fetch
        )

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._controller.run())
        await asyncio.sleep(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self._running.done(), "the controller has ended"
        self._running.cancel()
        await asyncio.wait([self._running])

    async def trial(self, name: str = "mine", gpus: int = 0, **spec: Any) -> None:
        trainer = copy.deepcopy(self.trainer)
        trainer["template"]["spec"]["containers"][0]["resources"] = {"limits": {names.GPU_RESOURCE: gpus}}
        manifest = {
            "apiVersion": TRIALS.api_version,
            "kind": TRIALS.kind,
            "metadata": {"name": name, "namespace": NS},
            "spec": {
                "targetSteps": 30,
                "horizonSteps": 30,
                "objective": {"metric": "validation_error", "direction": "Minimize"},
                "trainer": trainer,
                **spec,
            },
        }
        await self.store.create(TRIALS, manifest)

    async def status(self, name: str = "mine") -> dict[str, Any]:
        found: dict[str, Any] = (await self.store.get(TRIALS, NS, name)).get("status", {})
        return found

    async def condition(self, kind: ConditionType, name: str = "mine") -> tuple[str, str]:
        found = next(c for c in (await self.status(name))["conditions"] if c["type"] == kind)
        return found["status"], found["message"]

    async def pods(self) -> list[str]:
        return [p["metadata"]["name"] for p in (await self.store.list(PODS, NS)).items]

    async def pod_is(self, status: dict[str, Any], name: str = "mine-1") -> None:
        await self.store.patch_status(PODS, NS, name, {"status": status})

    async def quota(self, hard: int) -> None:
        manifest = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "gpus", "namespace": NS},
            "spec": {"hard": {names.GPU_QUOTA_RESOURCE: str(hard)}},
        }
        await self.store.create(QUOTAS, manifest)

    async def events(self) -> Counter[str]:
        found = (await self.store.list(EVENTS, NS)).items
        counts: Counter[str] = Counter()
        for event in found:
            counts[event["reason"]] += event["count"]
        return counts

    @property
    def writes(self) -> Counter[str]:
        return Counter(self.seen.writes)


def play(script: Callable[[Lab], Awaitable[None]], **lab: Any) -> None:
    async def main() -> None:
        async with Lab(**lab) as made:
            await script(made)

    run(main())


RUNNING = {
    "phase": "Running",
    "podIP": "10.0.0.1",
    "containerStatuses": [{"name": "trainer", "state": {"running": {}}}],
}
