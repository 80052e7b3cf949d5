"""A kubelet for tests: pods train in virtual time by a formula, and may be made to end badly.

What a trainer owes (docs/trainer.md) it keeps: checkpoints outlive pods, training resumes from them, SIGTERM saves.
Of the pods of a group none trains before all are there, and when one ends early the others hang until they are told to
end, which is worse than what most do.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from stepladder.api import names
from stepladder.control.store import PODS, NotFound, Object
from stepladder.local.store import MemoryStore

STEPS_PER_SECOND = 10
SECONDS_TO_START = 1.0


@dataclass
class Disk:
    """Where checkpoints lie: it outlives every pod, and every controller."""

    steps: dict[str, int] = field(default_factory=dict)
    history: dict[str, dict[int, float]] = field(default_factory=dict)
    trained: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Ending:
    """How a pod is made to end, instead of training to its target: after `steps` steps, with this exit code."""

    exit_code: int
    steps: int = 0
    saves: bool = False
    vanishes: bool = False  # force-deleted: its last words are never seen


def objective(document: dict[str, Any], step: int) -> float:
    """A learning curve: falls with steps towards a floor that the configuration and the seed set."""
    floor = abs(float(document["parameters"]["x"]) - 0.3) + (document["seed"] % 97) * 1e-5
    return float(round(floor + 1.0 / step, 9))


def verdict(document: dict[str, Any]) -> dict[str, Any]:
    """What a probe is answered with."""
    throughput = document["probe"]["type"] == "Throughput"
    place = document["checkpointDirectory"]
    return {
        "type": document["probe"]["type"],
        "summary": f"A learning rate of 0.01 suits {document['parameters']}.",
        "suggestions": {"batch_size": 64.0} if throughput else {"learning_rate": 0.01},
        "flags": ["InputBound"],
        "picture": f"{place}/probe.svg",
        "data": f"{place}/probe.json",
    }


@dataclass
class Meeting:
    """Where the pods of one attempt meet."""

    nodes: int
    here: set[int] = field(default_factory=set)
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    broken: asyncio.Event = field(default_factory=asyncio.Event)
    until: float = float("inf")  # when it broke

    def leave(self) -> None:
        """One of them is gone, and the others train no further."""
        self.until = min(self.until, asyncio.get_running_loop().time())
        self.broken.set()

    async def join(self, rank: int) -> None:
        """Wait for the others."""
        self.here.add(rank)
        if len(self.here) == self.nodes:
            self.complete.set()
        await self.complete.wait()

    async def train(self, seconds: float) -> None:
        """Train for so long, unless one of them leaves."""
        try:
            await asyncio.wait_for(self.broken.wait(), seconds)
        except TimeoutError:
            return
        await asyncio.Event().wait()  # the exchange with the one that is gone never ends


Script = Callable[[dict[str, Any]], Ending | None]
Curve = Callable[[dict[str, Any], int], float]


class SimulatedKubelet:
    """Runs every pod of a store. `most_at_once` is what it has seen running together.

    Where it `serves`, a running pod has an address, at which `metrics` shows its evaluations.
    """

    def __init__(
        self,
        store: MemoryStore,
        disk: Disk,
        script: Script = lambda _: None,
        *,
        curve: Curve = objective,
        serves: bool = False,
        verdict: Callable[[dict[str, Any]], Any] = verdict,
    ) -> None:
        self._store = store
        self._disk = disk
        self._script = script
        self._curve = curve
        self._serves = serves
        self._verdict = verdict
        self._pages: dict[str, Callable[[], str]] = {}  # by the address of a pod
        self._pods: dict[str, asyncio.Task[None]] = {}
        self._begun: set[str] = set()  # UIDs
        self._meetings: dict[str, Meeting] = {}  # by rank 0
        self.running: dict[str, dict[int, int]] = {}  # by trial: the attempt of every rank
        self.most_at_once = 0
        self.trials_seen_twice: list[str] = []

    async def metrics(self, url: str) -> str:
        """The page of a running pod: its evaluations so far, one at every twentieth of its horizon."""
        return self._pages[str(urlsplit(url).hostname)]()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            async for change in self._store.changes():
                if change.resource != PODS:
                    continue
                uid = change.object["metadata"]["uid"]
                if uid not in self._begun and change.type != "DELETED" and not self._is_gated(change.object):
                    self._begun.add(uid)
                    self._pods[uid] = group.create_task(self._run_pod(change.object))
                elif change.type == "MODIFIED" and self._must_end(change.object) and uid in self._pods:
                    self._pods.pop(uid).cancel()

    @staticmethod
    def _is_gated(pod: Object) -> bool:
        return bool(pod["spec"].get("schedulingGates"))

    @staticmethod
    def _must_end(pod: Object) -> bool:
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return False
        return "deletionTimestamp" in pod["metadata"] or "activeDeadlineSeconds" in pod["spec"]

    async def _run_pod(self, pod: Object) -> None:
        meta = pod["metadata"]
        name, namespace = meta["name"], meta["namespace"]
        env = {e["name"]: e.get("value", "") for e in pod["spec"]["containers"][0]["env"]}
        document = json.loads(env[names.TRIAL_ENV])
        rank = int(meta["labels"].get(names.RANK_LABEL, 0))
        place = document["checkpointDirectory"]
        start = self._disk.steps.get(place, 0)
        began = asyncio.get_running_loop().time()
        ending = self._script(document | {"rank": rank})
        if pod["spec"]["containers"][0]["image"] == "wrong":
            return  # it waits for its image, for ever
        meeting = self._meeting(pod, rank)
        try:
            await self._store.bind_pod(namespace, name, "node")
            running = {"state": {"running": {}}, "name": names.TRAINER_CONTAINER}
            status: dict[str, Any] = {"phase": "Running", "containerStatuses": [running]}
            if meeting.nodes > 1:
                status["podIP"] = meta["uid"]
            if self._serves:
                status["podIP"] = f"pod-{len(self._pages)}"
                self._pages[status["podIP"]] = partial(self._page, document, start, began)
            await self._status(pod, status)
            self._enter(document["trial"], rank, document["attempt"])
            await meeting.join(rank)
            began = asyncio.get_running_loop().time()
            steps = ending.steps if ending else max(0, document["targetSteps"] - start)
            await meeting.train(SECONDS_TO_START + steps / STEPS_PER_SECOND)
            code, reached = (ending.exit_code, start + ending.steps) if ending else (0, document["targetSteps"])
            saved = ending.saves if ending else True
            if ending:
                meeting.leave()
        except asyncio.CancelledError:
            meeting.leave()
            ran = meeting.until - began - SECONDS_TO_START if meeting.complete.is_set() else 0.0
            code, saved = 75, True
            reached = min(document["targetSteps"], start + max(0, int(ran * STEPS_PER_SECOND)))
        except NotFound:
            return
        finally:
            self._leave(document["trial"], rank, document["attempt"])
        await self._end(pod, document, ending, code, start, max(start, reached), saved=saved, leads=not rank)

    def _meeting(self, pod: Object, rank: int) -> Meeting:
        """The ranks find each other by the address of rank 0, here its UID; a pod that trains alone has its own."""
        annotations = pod["metadata"]["annotations"]
        leader = annotations[names.MASTER_ADDRESS_ANNOTATION] if rank else pod["metadata"]["uid"]
        return self._meetings.setdefault(leader, Meeting(int(annotations.get(names.NODES_ANNOTATION, 1))))

    def _page(self, document: dict[str, Any], start: int, began: float) -> str:
        ran = asyncio.get_running_loop().time() - began - SECONDS_TO_START
        reached = min(document["targetSteps"], start + max(0, int(ran * STEPS_PER_SECOND)))
        every, metric = max(1, document["horizonSteps"] // 20), document["objective"]["metric"]
        steps = range(every, reached + 1, every)
        return "".join(f'{metric}{{step="{step}"}} {self._curve(document, step)}\n' for step in steps)

    def _enter(self, trial: str, rank: int, attempt: int) -> None:
        ranks = self.running.setdefault(trial, {})
        if rank in ranks or any(other != attempt for other in ranks.values()):
            self.trials_seen_twice.append(trial)
        ranks[rank] = attempt
        self.most_at_once = max(self.most_at_once, len(self.running))

    def _leave(self, trial: str, rank: int, attempt: int) -> None:
        ranks = self.running.get(trial, {})
        if ranks.get(rank) == attempt:
            del ranks[rank]
        if not ranks:
            self.running.pop(trial, None)

    async def _end(
        self,
        pod: Object,
        document: dict[str, Any],
        ending: Ending | None,
        code: int,
        start: int,
        end: int,
        *,
        saved: bool,
        leads: bool,
    ) -> None:
        place = document["checkpointDirectory"]
        history = self._disk.history.setdefault(place, {}) if leads else {}
        if saved and leads:
            for step in document["evaluationSteps"]:
                if start < step <= end:
                    history[step] = self._curve(document, step)
            self._disk.steps[place] = end
        if leads:
            self._disk.trained[place] = self._disk.trained.get(place, 0) + end - start
        message = {
            "reason": "",
            "fromStep": start,
            "step": end if saved else start,
            "value": history.get(end),
            "evaluations": sorted(history.items()),
            "checkpoint": f"{place}/step-{end}.pt" if saved else None,
            "trainedSteps": end - start,
            "message": "simulated",
        }
        if "probe" in document and code == 0:
            message["verdict"] = self._verdict(document)
        if ending is not None and ending.vanishes:
            await self._store.delete(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
        else:
            terminated = {
                "exitCode": code,
                "message": json.dumps(message) if leads else "",
                "reason": "Completed" if code == 0 else "Error",
            }
            status = {"name": names.TRAINER_CONTAINER, "state": {"terminated": terminated}}
            try:
                await self._status(pod, {"phase": "Failed" if code else "Succeeded", "containerStatuses": [status]})
            except NotFound:
                return
        try:
            now = await self._store.get(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
        except NotFound:
            return
        if "deletionTimestamp" in now["metadata"]:
            await self._store.finish_pod(pod["metadata"]["namespace"], pod["metadata"]["name"], pod["metadata"]["uid"])

    async def _status(self, pod: Object, status: dict[str, Any]) -> None:
        meta = pod["metadata"]
        await self._store.patch_status(PODS, meta["namespace"], meta["name"], {"status": status})
