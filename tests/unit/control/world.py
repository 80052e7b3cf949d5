"""A whole world in virtual time: store, kubelet, and a controller that may be killed and started again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.kubelet import Curve, Disk, Script, SimulatedKubelet, objective, verdict
from control.virtual import VirtualClock, run
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.controller import Controller
from stepladder.control.scraping import Fetch
from stepladder.control.store import (
    PODS,
    STUDIES,
    TRIALS,
    Change,
    Listing,
    NotFound,
    Object,
    ObjectStore,
    Patch,
    Resource,
)
from stepladder.local.store import MemoryStore
from stepladder.search.record import OptunaRecord

NAMESPACE = "lab"
NAME = "study"


class Killed(BaseException):
    """The controller's process is dead; not an Exception, so that nothing in it can catch this."""


class FaultyStore:
    """The store as one life of the controller sees it: dies after a write, loses events, or shows them late."""

    def __init__(
        self,
        inner: MemoryStore,
        *,
        killed_after: int | None = None,
        drops_events: bool = False,
        delays_events: float = 0.0,
        latency: float = 0.0,
    ) -> None:
        self._inner = inner
        self._latency = latency
        self._killed_after = killed_after
        self._drops_events = drops_events
        self._delays_events = delays_events
        self.writes: list[str] = []

    def _wrote(self, verb: str, resource: Resource, name: str) -> None:
        self.writes.append(f"{verb} {resource.plural} {name}")
        if len(self.writes) == self._killed_after:
            raise Killed

    def _alive(self) -> None:
        if self._killed_after is not None and len(self.writes) >= self._killed_after:
            raise Killed

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        await asyncio.sleep(self._latency)
        return await self._inner.get(resource, namespace, name)

    async def list(
        self, resource: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Listing:
        await asyncio.sleep(self._latency)
        return await self._inner.list(resource, namespace, labels)

    async def create(self, resource: Resource, manifest: Object) -> Object:
        await asyncio.sleep(self._latency)
        self._alive()
        made = await self._inner.create(resource, manifest)
        self._wrote("create", resource, made["metadata"]["name"])
        return made

    async def patch(
        self, resource: Resource, namespace: str, name: str, patch: Patch, *, resource_version: str | None = None
    ) -> Object:
        await asyncio.sleep(self._latency)
        self._alive()
        written = await self._inner.patch(resource, namespace, name, patch, resource_version=resource_version)
        self._wrote("patch", resource, name)
        return written

    async def patch_status(
        self, resource: Resource, namespace: str, name: str, patch: Patch, *, resource_version: str | None = None
    ) -> Object:
        await asyncio.sleep(self._latency)
        self._alive()
        written = await self._inner.patch_status(resource, namespace, name, patch, resource_version=resource_version)
        self._wrote("status", resource, name)
        return written

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str | None = None) -> None:
        await asyncio.sleep(self._latency)
        self._alive()
        await self._inner.delete(resource, namespace, name, uid=uid)
        self._wrote("delete", resource, name)

    def changes(self) -> AsyncIterator[Change]:
        return self._pass_on(self._inner.changes())

    async def _pass_on(self, changes: AsyncIterator[Change]) -> AsyncIterator[Change]:
        async for change in changes:
            if self._delays_events:
                await asyncio.sleep(self._delays_events)
            if not self._drops_events:
                yield change


@dataclass
class Report:
    """How a run of the world ended."""

    phase: str
    reason: str
    best: dict[str, Any] | None
    trials: dict[str, dict[str, Any]]
    trained_steps: int
    status: dict[str, Any]
    most_at_once: int
    trials_seen_twice: list[str]
    live_pods: int
    lives: int
    writes: list[str] = field(default_factory=list)  # of the first life

    @property
    def outcome(self) -> dict[str, Any]:
        """What must be the same whatever went wrong on the way."""
        return {
            "phase": self.phase,
            "reason": self.reason,
            "best": self.best,
            "trials": self.trials,
            "trained steps": self.trained_steps,
        }


def study(**overrides: Any) -> Object:
    """A small study: nine configurations on a ladder of three rungs, one at a time."""
    spec: dict[str, Any] = {
        "objective": {"metric": "validation_error", "direction": "Minimize"},
        "parameters": [{"name": "x", "float": {"min": 0.0, "max": 1.0}}],
        "rounds": [
            {
                "name": "explore",
                "trials": 9,
                "maxSteps": 90,
                "pruner": {"algorithm": "SuccessiveHalving", "minSteps": 10, "reductionFactor": 3},
            }
        ],
        "parallelism": 1,
        "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}},
        **overrides,
    }
    return {
        "apiVersion": STUDIES.api_version,
        "kind": STUDIES.kind,
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": spec,
    }


Meddler = Callable[[MemoryStore], Any]


def play(
    manifest: Object | None = None,
    *,
    script: Script = lambda _: None,
    killed_after: int | None = None,
    down_for: float = 0.0,
    drops_events: bool = False,
    delays_events: float = 0.0,
    latency: float = 0.0,
    meddle: Meddler | None = None,
    record: Callable[[], OptunaRecord] = lambda: OptunaRecord("memory://"),
    seconds: float = 20_000,
    extra: tuple[tuple[Resource, Object], ...] = (),
    curve: Curve = objective,
    scraped: bool = False,
    answer: Callable[[dict[str, Any]], Any] = verdict,
) -> Report:
    """Run a study from apply to its end. Once killed, the controller is down for so many seconds; every call of the
    store takes `latency` seconds. `scraped`: running pods can be asked for their metrics. Probes are answered with
    `answer`."""
    return run(
        _play(
            manifest or study(),
            script,
            killed_after,
            meddle,
            record,
            seconds,
            extra,
            curve,
            answer,
            scraped=scraped,
            down_for=down_for,
            drops_events=drops_events,
            delays_events=delays_events,
            latency=latency,
        )
    )


async def _play(
    manifest: Object,
    script: Script,
    killed_after: int | None,
    meddle: Meddler | None,
    record: Callable[[], OptunaRecord],
    seconds: float,
    extra: tuple[tuple[Resource, Object], ...],
    curve: Curve,
    answer: Callable[[dict[str, Any]], Any],
    *,
    scraped: bool,
    down_for: float,
    drops_events: bool,
    delays_events: float,
    latency: float,
) -> Report:
    clock = VirtualClock()
    store = MemoryStore(clock=clock.now)
    disk = Disk()
    kubelet = SimulatedKubelet(store, disk, script, curve=curve, serves=scraped, verdict=answer)
    nodes = asyncio.create_task(kubelet.run())
    await asyncio.sleep(0)
    for resource, item in extra:
        await store.create(resource, item)
    await store.create(STUDIES, manifest)
    meddling = asyncio.create_task(meddle(store)) if meddle else None
    lives, first = 0, None
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        lives += 1
        faulty = FaultyStore(
            store,
            killed_after=killed_after if lives == 1 else None,
            drops_events=drops_events,
            delays_events=delays_events,
            latency=latency,
        )
        first = first or faulty
        life = asyncio.create_task(_live(faulty, record(), clock, kubelet.metrics))
        while not life.done() and not await _finished(store) and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - virtual time: a poll costs nothing
            await asyncio.sleep(1)
        if not life.done():
            await asyncio.sleep(5)  # let what is under way settle, with the controller there
            if not life.done():
                life.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await life
                break
        assert life.result() == "killed"
        await asyncio.sleep(down_for)
    nodes.cancel()
    if meddling:
        await meddling
    return await _report(store, disk, kubelet, lives, first)


async def _live(store: ObjectStore, record: OptunaRecord, clock: VirtualClock, fetch: Fetch) -> str:
    controller = Controller(store, record=record, clock=clock, fetch=fetch)
    killed = False
    try:
        await controller.run()
    except* Killed:
        killed = True
    return "killed" if killed else "ended"


async def _finished(store: MemoryStore) -> bool:
    try:
        found = await store.get(STUDIES, NAMESPACE, NAME)
    except NotFound:
        return False  # deleted by a test, which makes it again
    conditions = {c["type"]: c["status"] for c in found.get("status", {}).get("conditions", [])}
    return conditions.get(ConditionType.SUCCEEDED) in ("True", "False")


async def _report(
    store: MemoryStore, disk: Disk, kubelet: SimulatedKubelet, lives: int, first: FaultyStore | None
) -> Report:
    status = (await store.get(STUDIES, NAMESPACE, NAME)).get("status", {})
    succeeded: dict[str, Any] = next(
        (c for c in status.get("conditions", []) if c["type"] == ConditionType.SUCCEEDED), {}
    )
    trials = {}
    for trial in (await store.list(TRIALS, NAMESPACE, {names.STUDY_LABEL: NAME})).items:
        trials[trial["metadata"]["name"]] = {
            "parameters": trial["spec"].get("parameters"),
            "seed": trial["spec"]["seed"],
            "round": trial["spec"]["round"],
            "target": trial["spec"]["targetSteps"],
            "outcome": trial.get("status", {}).get("outcome"),
            "best": trial.get("status", {}).get("best"),
            "observations": trial.get("status", {}).get("observations"),
        }
    pods = (await store.list(PODS, NAMESPACE)).items
    best = dict(status["best"]) if status.get("best") else None
    if best:
        best.pop("checkpoint", None)  # its path carries the trial's UID
    return Report(
        phase=status.get("phase", ""),
        reason=succeeded.get("reason", ""),
        best=best,
        trials=trials,
        trained_steps=sum(disk.trained.values()),
        status=status,
        most_at_once=kubelet.most_at_once,
        trials_seen_twice=kubelet.trials_seen_twice,
        live_pods=sum(p["status"].get("phase") not in ("Succeeded", "Failed") for p in pods),
        lives=lives,
        writes=first.writes if first else [],
    )
