"""One pod's life on this machine: bound, started, watched, stopped when it must be, and reported until its end."""

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from stepladder.api import names
from stepladder.control.store import PODS, NotFound, Object
from stepladder.local import objects, pod_status, process
from stepladder.local.command import Command, command, problems
from stepladder.local.layout import Layout
from stepladder.local.pod_status import Cause, Ending
from stepladder.local.ports import Ports
from stepladder.local.registry import DEFAULT_GRACE_SECONDS
from stepladder.local.store import MemoryStore

_FALLBACK_LOG_BYTES: Final = 2048
_SIGKILL: Final = -9


class PodWorker:
    """Runs one pod to its end. `update` and `shut_down` may be called at any time."""

    def __init__(self, store: MemoryStore, layout: Layout, ports: Ports, node: str, pod: Object) -> None:
        self._store = store
        self._layout = layout
        self._ports = ports
        self._node = node
        self._pod = pod
        self._name: str = pod["metadata"]["name"]
        self._namespace: str = pod["metadata"]["namespace"]
        self._uid: str = pod["metadata"]["uid"]
        self._shutting_down = False
        self._news = asyncio.Event()

    def update(self, pod: Object) -> None:
        """The pod's object has changed; a change that is older than what this worker has written itself is no news."""
        if _version(pod) > _version(self._pod):
            self._pod = pod
        self._news.set()

    def shut_down(self) -> None:
        """The node goes down: stop the trainer, and say that this was no fault of its own."""
        self._shutting_down = True
        self._news.set()

    async def run(self) -> None:
        """From the binding to the end. Returns when the pod's process has ended and its status says so."""
        if self._shutting_down:
            return  # it waits for the next life
        try:
            self._pod = await self._store.bind_pod(self._namespace, self._name, self._node, uid=self._uid)
            # Only one address for all pods of this machine: two groups at once need two ports to meet at.
            leads = self._pod["metadata"].get("labels", {}).get(names.RANK_LABEL) == "0"
            with self._ports.reserved() as port, self._ports.reserved() if leads else nullcontext() as master_port:
                await self._run_on(port, master_port)
        except NotFound:
            return  # deleted before it was bound

    async def _run_on(self, port: int, master_port: int | None) -> None:
        why = "; ".join(problems(self._pod["spec"]))
        if why:
            await self._report(pod_status.could_not_start(self._pod, why, objects.now()))
            return
        wanted = command(self._pod, self._layout, port, os.environ, master_port=master_port)
        annotations = {names.METRICS_PORT_ANNOTATION: str(port)}
        if master_port is not None:
            annotations[names.LOCAL_MASTER_PORT_ANNOTATION] = str(master_port)
        patch = {"metadata": {"annotations": annotations}}
        self._pod = await self._store.patch(PODS, self._namespace, self._name, patch)
        try:
            started = await self._start(wanted)
        except OSError as error:
            why = (
                f"cannot run {wanted.argv[0]}: {error.strerror}; see that trainer.template's command is installed here"
            )
            await self._report(pod_status.could_not_start(self._pod, why, objects.now()))
            return
        kills_before = _out_of_memory_kills()
        try:
            await self._report(pod_status.running(self._pod, objects.now()))
            cause, killed = await self._until_it_ends(started)
        finally:
            process.kill_session(started.pid)
            code = await started.wait()
            self._layout.process(self._uid).unlink(missing_ok=True)
        out_of_memory = code == _SIGKILL and not killed and _out_of_memory_kills() > kills_before
        ending = Ending(code if code >= 0 else 128 - code, self._last_words(code), objects.now(), out_of_memory)
        await self._report(pod_status.ended(self._pod, ending, cause))

    async def _start(self, wanted: Command) -> Process:
        if shutil.which(wanted.argv[0], path=wanted.environment["PATH"]) is None:
            raise FileNotFoundError(0, "there is no such command")
        words = self._layout.termination_log(self._uid)
        words.parent.mkdir(parents=True, exist_ok=True)
        words.write_bytes(b"")
        started = await process.start(wanted, self._layout.log(self._name))
        since = process.start_time(started.pid)
        if since is not None:
            process.Identity(started.pid, since).write(self._layout.process(self._uid))
        return started

    async def _until_it_ends(self, started: Process) -> tuple[Cause | None, bool]:
        """Wait for the end, and bring it about when it is due. Returns why, and whether SIGKILL was needed."""
        loop = asyncio.get_running_loop()
        end = asyncio.ensure_future(started.wait())
        cause: Cause | None = None
        kill_at = float("inf")
        killed = False
        try:
            while not end.done():
                self._news.clear()
                if cause is None and (cause := self._cause(objects.now())) is not None:
                    process.terminate(started.pid)
                    kill_at = loop.time() + self._grace_seconds(cause)
                if loop.time() >= kill_at:
                    process.kill_session(started.pid)
                    killed, kill_at = True, float("inf")
                due = kill_at - loop.time() if cause else self._seconds_left(objects.now())
                await _first(end, self._news, None if due == float("inf") else max(due, 0))
        finally:
            end.cancel()
        return cause, killed

    def _cause(self, now: datetime) -> Cause | None:
        if "deletionTimestamp" in self._pod["metadata"]:
            return Cause.DELETED
        if self._shutting_down:
            return Cause.SHUTDOWN
        return Cause.DEADLINE if self._seconds_left(now) <= 0 else None

    def _seconds_left(self, now: datetime) -> float:
        """Until the pod's active deadline, counted from its start as the kubelet does."""
        limit = self._pod["spec"].get("activeDeadlineSeconds")
        since = self._pod["status"].get("startTime")
        if limit is None or since is None:
            return float("inf")
        return float(limit) - (now - datetime.fromisoformat(since)).total_seconds()

    def _grace_seconds(self, cause: Cause) -> float:
        if cause is Cause.DELETED:
            return float(self._pod["metadata"].get("deletionGracePeriodSeconds", DEFAULT_GRACE_SECONDS))
        return float(self._pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS))

    def _last_words(self, code: int) -> str:
        """The termination message; where a failed trainer left none, the end of its log."""
        words = _text(self._layout.termination_log(self._uid))
        return words if words or code == 0 else _text(self._layout.log(self._name))[-_FALLBACK_LOG_BYTES:]

    async def _report(self, status: dict[str, Any]) -> None:
        """Write the status; a pod that is being deleted and has ended is let go."""
        with contextlib.suppress(NotFound):
            self._pod = await self._store.patch_status(PODS, self._namespace, self._name, {"status": status})
        if "deletionTimestamp" in self._pod["metadata"] and status["phase"] != "Running":
            await self._store.finish_pod(self._namespace, self._name, self._uid)


async def recover(store: MemoryStore, layout: Layout, pod: Object, grace_seconds: Callable[[Object], float]) -> None:
    """End a pod that an earlier life of this node has begun: its process is gone, or an orphan."""
    metadata = pod["metadata"]
    identity = process.Identity.read(layout.process(metadata["uid"]))
    if identity is not None:
        await process.stop_orphan(identity, grace_seconds(pod))
        layout.process(metadata["uid"]).unlink(missing_ok=True)
    words = _text(layout.termination_log(metadata["uid"]))
    ending = Ending(pod_status.SIGKILLED, words, objects.now(), located=False)
    status = pod_status.ended(pod, ending, Cause.SHUTDOWN)
    await store.patch_status(PODS, metadata["namespace"], metadata["name"], {"status": status})
    if "deletionTimestamp" in metadata:
        await store.finish_pod(metadata["namespace"], metadata["name"], metadata["uid"])


async def _first(end: "asyncio.Future[int]", news: asyncio.Event, seconds: float | None) -> None:
    """Wait until the process has ended, there is news, or the time is over."""
    heard = asyncio.ensure_future(news.wait())
    try:
        waiting: set[asyncio.Future[Any]] = {end, heard}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        heard.cancel()


def _version(pod: Object) -> int:
    return int(pod["metadata"]["resourceVersion"])


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _out_of_memory_kills() -> int:
    """How often this machine's kernel has killed for want of memory; 0 where it does not say."""
    for line in _text(Path("/proc/vmstat")).splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0
