"""A small kubelet: every pod of the store becomes a process of this machine. GPUs are not counted here: a quota may."""

import asyncio
import shutil
import socket
from asyncio import TaskGroup

from stepladder.control.store import PODS, Change, Object
from stepladder.local import process, quota
from stepladder.local.layout import Layout
from stepladder.local.pod_worker import PodWorker, recover
from stepladder.local.ports import Ports
from stepladder.local.registry import DEFAULT_GRACE_SECONDS
from stepladder.local.store import MemoryStore


class Kubelet:
    """Runs the store's pods until it is told to shut down."""

    def __init__(self, store: MemoryStore, layout: Layout) -> None:
        self._store = store
        self._layout = layout
        self._node = socket.gethostname().lower()
        self._ports = Ports()
        self._workers: dict[str, PodWorker] = {}
        self._closing = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether no pod runs."""
        return not self._workers

    def shut_down(self) -> None:
        """Stop every trainer; `run` returns when all have ended and their pods say so. Harmless when repeated."""
        self._closing.set()

    async def run(self) -> None:
        """End what an earlier life has left behind, then run pods until `shut_down`."""
        changes = self._store.changes()
        await self._recover()
        async with TaskGroup() as group:
            for pod in (await self._store.list(PODS)).items:
                self._sync(pod, group)

            async def follow() -> None:
                async for change in changes:
                    self._hear(change, group)

            following = group.create_task(follow())
            await self._closing.wait()
            following.cancel()
            for worker in self._workers.values():
                worker.shut_down()

    async def _recover(self) -> None:
        begun = [p for p in (await self._store.list(PODS)).items if p["spec"].get("nodeName") and not quota.terminal(p)]
        await asyncio.gather(*(recover(self._store, self._layout, pod, _grace_seconds) for pod in begun))
        kept = {pod["metadata"]["uid"] for pod in (await self._store.list(PODS)).items}
        for directory in self._layout.pods.iterdir() if self._layout.pods.exists() else ():
            if directory.name not in kept:
                identity = process.Identity.read(self._layout.process(directory.name))
                if identity is not None:
                    await process.stop_orphan(identity, DEFAULT_GRACE_SECONDS)
                shutil.rmtree(directory, ignore_errors=True)

    def _hear(self, change: Change, group: TaskGroup) -> None:
        if change.resource != PODS:
            return
        if change.type != "DELETED":
            self._sync(change.object, group)
        elif change.object["metadata"]["uid"] not in self._workers:
            self._forget(change.object["metadata"]["uid"])

    def _sync(self, pod: Object, group: TaskGroup) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._workers:
            self._workers[uid].update(pod)
        elif not (pod["spec"].get("nodeName") or pod["spec"].get("schedulingGates") or quota.terminal(pod)):
            worker = PodWorker(self._store, self._layout, self._ports, self._node, pod)
            self._workers[uid] = worker
            group.create_task(self._work(uid, worker))

    async def _work(self, uid: str, worker: PodWorker) -> None:
        try:
            await worker.run()
        finally:
            del self._workers[uid]
        if not any(pod["metadata"]["uid"] == uid for pod in (await self._store.list(PODS)).items):
            self._forget(uid)

    def _forget(self, uid: str) -> None:
        """Nothing is kept of a pod whose object has gone, save for its log."""
        shutil.rmtree(self._layout.pod(uid), ignore_errors=True)


def _grace_seconds(pod: Object) -> float:
    return float(pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS))
