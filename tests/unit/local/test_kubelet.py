"""Pods as real processes: what a kubelet would write of them, and that none outlives its pod.

Scripts tell that they have come far enough by writing into a FIFO, whose other end the test reads: nobody polls.
In a container's command `$$` stands for `$`.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from local.conftest import PodMaker
from stepladder.api import names
from stepladder.control.store import PODS, Change, NotFound, Object
from stepladder.local import process
from stepladder.local.kubelet import Kubelet
from stepladder.local.layout import Layout
from stepladder.local.store import MemoryStore

SAVES_ON_SIGTERM = """
trap 'echo -n saved > $STEPLADDER_TERMINATION_LOG; exit 75' TERM
echo $$$$ > %s
while :; do sleep 60 & wait; done
"""
IGNORES_SIGTERM = "trap '' TERM; echo $$$$ > %s; while :; do sleep 60 & wait; done"


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


async def said(fifo: Path) -> str:
    """The line that a script writes into the FIFO; waits for it."""
    end = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)  # so that neither side waits for the other to open it
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(end, ready.set)
    try:
        await asyncio.wait_for(ready.wait(), 20)
        return os.read(end, 64).decode().strip()
    finally:
        loop.remove_reader(end)
        os.close(end)


@contextlib.asynccontextmanager
async def running(store: MemoryStore, layout: Layout) -> AsyncIterator[Kubelet]:
    """A kubelet at work, shut down at the end."""
    kubelet = Kubelet(store, layout)
    task = asyncio.ensure_future(kubelet.run())
    try:
        yield kubelet
    finally:
        kubelet.shut_down()
        await asyncio.wait_for(task, 20)


async def until(store: MemoryStore, holds: Callable[[Object], object], name: str = "trial-0-1") -> Object:
    """The pod as it is when `holds` of it first does."""
    changes = store.changes()
    async with asyncio.timeout(20):
        pod = await store.get(PODS, "lab", name)
        while not holds(pod):
            change = await anext(changes)
            if change.resource == PODS and change.object["metadata"]["name"] == name:
                pod = change.object
    return pod


async def until_gone(store: MemoryStore, changes: AsyncIterator[Change], name: str = "trial-0-1") -> None:
    async with asyncio.timeout(20):
        while (await anext(changes)).type != "DELETED":
            pass
    with pytest.raises(NotFound):
        await store.get(PODS, "lab", name)


def ended(pod: Object) -> bool:
    return pod["status"]["phase"] in ("Succeeded", "Failed")


def is_running(pod: Object) -> bool:
    return bool(pod["status"]["phase"] == "Running")


def terminated(pod: Object) -> dict[str, Any]:
    state: dict[str, Any] = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    return state


async def test_a_trainer_that_succeeds_is_reported_with_its_last_words(
    store: MemoryStore, layout: Layout, make_pod: PodMaker
) -> None:
    async with running(store, layout):
        await store.create(PODS, make_pod("echo hello; printf '{\"step\": 3}' > $STEPLADDER_TERMINATION_LOG"))
        pod = await until(store, ended)
    assert pod["status"]["phase"] == "Succeeded"
    end = terminated(pod)
    assert (end["exitCode"], end["reason"], end["message"]) == (0, "Completed", '{"step": 3}')
    assert end["startedAt"] <= end["finishedAt"]
    assert pod["spec"]["nodeName"]
    assert layout.log("trial-0-1").read_text() == "hello\n"


async def test_a_running_pod_shows_where_its_metrics_are(
    store: MemoryStore, layout: Layout, make_pod: PodMaker, fifo: Path
) -> None:
    script = f"echo $STEPLADDER_METRICS_PORT > {fifo}; " + "sleep 60"
    async with running(store, layout):
        await store.create(PODS, make_pod(script, terminationGracePeriodSeconds=0))
        pod = await until(store, is_running)
        port = await said(fifo)
        assert pod["metadata"]["annotations"][names.METRICS_PORT_ANNOTATION] == port
        assert pod["status"]["podIP"] == "127.0.0.1"
        container = pod["status"]["containerStatuses"][0]
        assert container["ready"]
        assert container["name"] == "trainer"
        assert container["state"]["running"]["startedAt"]


async def test_a_trainer_that_fails_is_reported_with_its_exit_code_and_the_end_of_its_log(
    store: MemoryStore, layout: Layout, make_pod: PodMaker
) -> None:
    async with running(store, layout):
        await store.create(PODS, make_pod("echo no such task >&2; exit 78"))
        pod = await until(store, ended)
    assert pod["status"]["phase"] == "Failed"
    end = terminated(pod)
    assert (end["exitCode"], end["reason"], end["message"]) == (78, "Error", "no such task\n")


async def test_a_trainer_killed_by_a_signal_has_128_more_than_its_number(
    store: MemoryStore, layout: Layout, make_pod: PodMaker
) -> None:
    async with running(store, layout):
        await store.create(PODS, make_pod("kill -KILL $$$$"))
        pod = await until(store, ended)
    assert (terminated(pod)["exitCode"], terminated(pod)["reason"]) == (137, "Error")


async def test_long_last_words_are_cut_to_their_end(store: MemoryStore, layout: Layout, make_pod: PodMaker) -> None:
    script = "printf 'x%.0s' $$(seq 5000) > $STEPLADDER_TERMINATION_LOG; printf END >> $STEPLADDER_TERMINATION_LOG"
    async with running(store, layout):
        await store.create(PODS, make_pod(script))
        pod = await until(store, ended)
    assert len(terminated(pod)["message"]) == 4096
    assert terminated(pod)["message"].endswith("xEND")


@pytest.mark.parametrize("command", [["no-such-command"], ["/etc/hostname"]])
async def test_a_command_that_cannot_be_run_is_a_start_error(
    store: MemoryStore, layout: Layout, make_pod: PodMaker, command: list[str]
) -> None:
    async with running(store, layout):
        await store.create(PODS, make_pod(container={"command": command}))
        pod = await until(store, ended)
    end = terminated(pod)
    assert (pod["status"]["phase"], end["exitCode"], end["reason"]) == ("Failed", 128, "StartError")
    assert f"cannot run {command[0]}" in end["message"]


async def test_what_needs_a_cluster_is_a_start_error_too(
    store: MemoryStore, layout: Layout, make_pod: PodMaker
) -> None:
    async with running(store, layout):
        await store.create(PODS, make_pod(container={"envFrom": [{"secretRef": {"name": "s"}}]}))
        pod = await until(store, ended)
    assert "envFrom needs a cluster" in terminated(pod)["message"]


async def test_a_deleted_pod_saves_says_so_and_goes(
    store: MemoryStore, layout: Layout, make_pod: PodMaker, fifo: Path
) -> None:
    """The result must be readable before the object goes."""
    async with running(store, layout):
        await store.create(PODS, make_pod(SAVES_ON_SIGTERM % fifo))
        pid = int(await said(fifo))
        await until(store, is_running)
        changes = store.changes()
        await store.delete(PODS, "lab", "trial-0-1")
        seen = []
        async with asyncio.timeout(20):
            async for change in changes:
                seen.append(change)
                if change.type == "DELETED":
                    break
    assert terminated(seen[-2].object)["exitCode"] == 75
    assert terminated(seen[-1].object)["message"] == "saved"
    assert process.start_time(pid) is None


async def test_a_trainer_that_ignores_sigterm_is_killed_after_its_grace(
    store: MemoryStore, layout: Layout, make_pod: PodMaker, fifo: Path
) -> None:
    async with running(store, layout):
        await store.create(PODS, make_pod(IGNORES_SIGTERM % fifo, terminationGracePeriodSeconds=1))
        pid = int(await said(fifo))
        await until(store, is_running)
        changes = store.changes()
        await store.delete(PODS, "lab", "trial-0-1")
        await until_gone(store, changes)
    assert process.start_time(pid) is None


async def test_what_a_trainer_has_started_ends_with_it(
    store: MemoryStore, layout: Layout, make_pod: PodMaker, fifo: Path
) -> None:
    """As in a container: a forgotten data loader must not live on."""
    async with running(store, layout):
        await store.create(PODS, make_pod(f"sleep 600 & echo $! > {fifo}"))
        child = int(await said(fifo))
        await until(store, ended)
    async with asyncio.timeout(20):
        while process.start_time(child) is not None:  # noqa: ASYNC110 # no event tells of a grandchild's end
            await asyncio.sleep(0.001)


async def test_an_active_deadline_interrupts_a_running_pod_and_keeps_its_result(
    store: MemoryStore, layout: Layout, make_pod: PodMaker, fifo: Path
) -> None:
    async with running(store, layout):
        await store.create(PODS, make_pod(SAVES_ON_SIGTERM % fifo))
        await said(fifo)
        await until(store, is_running)
        await store.patch(PODS, "lab", "trial-0-1", {"spec": {"activeDeadlineSeconds": 1}})
        pod = await until(store, ended)
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "DeadlineExceeded")
    assert (terminated(pod)["exitCode"], terminated(pod)["message"]) == (75, "saved")
    assert (await store.get(PODS, "lab", "trial-0-1"))["metadata"]["uid"] == pod["metadata"]["uid"]


async def test_a_shutdown_saves_every_trainer_and_calls_it_a_disruption(
    store: MemoryStore, layout: Layout, make_pod: PodMaker, fifo: Path
) -> None:
    async with running(store, layout) as kubelet:
        await store.create(PODS, make_pod(SAVES_ON_SIGTERM % fifo))
        await said(fifo)
        await until(store, is_running)
        kubelet.shut_down()
        kubelet.shut_down()
    pod = await store.get(PODS, "lab", "trial-0-1")
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "Terminated")
    assert (terminated(pod)["exitCode"], terminated(pod)["message"]) == (75, "saved")
    assert "DisruptionTarget" in [c["type"] for c in pod["status"]["conditions"] if c["status"] == "True"]


async def test_pods_made_before_the_kubelet_are_run(store: MemoryStore, layout: Layout, make_pod: PodMaker) -> None:
    await store.create(PODS, make_pod("true"))
    async with running(store, layout):
        assert (await until(store, ended))["status"]["phase"] == "Succeeded"


async def test_an_empty_dir_goes_with_its_pod_and_a_claim_stays(
    store: MemoryStore, layout: Layout, make_pod: PodMaker
) -> None:
    mounts = [{"name": "e", "mountPath": "/empty"}, {"name": "c", "mountPath": "/claim"}]
    volumes = [{"name": "e", "emptyDir": {}}, {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}}]
    container = {"command": ["touch"], "args": ["/empty/file", "/claim/file"], "volumeMounts": mounts}
    async with running(store, layout) as kubelet:
        await store.create(PODS, make_pod(container=container, volumes=volumes))
        pod = await until(store, ended)
        directory = layout.pod(pod["metadata"]["uid"])
        assert (directory / "volumes" / "e" / "file").exists()
        await store.delete(PODS, "lab", "trial-0-1")  # it has ended, so it goes at once
        kubelet.shut_down()
    async with running(store, layout):
        pass  # what was not cleaned up by the one is by the next
    assert not directory.exists()
    assert (layout.claim("claim") / "file").exists()


async def test_trainers_that_run_together_have_ports_of_their_own(
    store: MemoryStore, layout: Layout, make_pod: PodMaker
) -> None:
    async with running(store, layout):
        for number in range(4):
            await store.create(PODS, make_pod("sleep 60", f"trial-{number}-1", terminationGracePeriodSeconds=0))
        pods = [await until(store, is_running, f"trial-{number}-1") for number in range(4)]
    ports = {pod["metadata"]["annotations"][names.METRICS_PORT_ANNOTATION] for pod in pods}
    assert len(ports) == 4


async def test_a_gated_pod_waits_until_its_gate_is_gone(store: MemoryStore, layout: Layout, make_pod: PodMaker) -> None:
    async with running(store, layout):
        await store.create(PODS, make_pod("exit 3", schedulingGates=[{"name": "example.test/gate"}]))
        await store.create(PODS, make_pod("true", "trial-1-1"))
        await until(store, ended, "trial-1-1")
        assert "nodeName" not in (await store.get(PODS, "lab", "trial-0-1"))["spec"]
        await store.patch(PODS, "lab", "trial-0-1", {"spec": {"schedulingGates": None}})
        assert terminated(await until(store, ended))["exitCode"] == 3


async def test_rank_0_is_given_a_port_to_meet_at(
    store: MemoryStore, layout: Layout, make_pod: PodMaker, fifo: Path
) -> None:
    manifest = make_pod(f"echo $MASTER_PORT > {fifo}; sleep 60", terminationGracePeriodSeconds=0)
    manifest["metadata"]["labels"] = {names.RANK_LABEL: "0"}
    async with running(store, layout):
        await store.create(PODS, manifest)
        pod = await until(store, is_running)
        port = await said(fifo)
    annotations = pod["metadata"]["annotations"]
    assert annotations[names.LOCAL_MASTER_PORT_ANNOTATION] == port
    assert annotations[names.METRICS_PORT_ANNOTATION] != port


# --- after the end of an earlier life ---------------------------------------------------------------------------------


async def bound(store: MemoryStore, manifest: Object) -> str:
    """A pod that an earlier life has begun. Returns its UID."""
    created = await store.create(PODS, manifest)
    await store.bind_pod("lab", created["metadata"]["name"], "here")
    uid: str = created["metadata"]["uid"]
    return uid


async def test_an_orphan_is_stopped_and_its_last_words_are_kept(
    store: MemoryStore, layout: Layout, make_pod: PodMaker, fifo: Path
) -> None:
    uid = await bound(store, make_pod())
    layout.pod(uid).mkdir(parents=True)
    script = SAVES_ON_SIGTERM.replace("$$$$", "$$") % fifo
    orphan = await asyncio.create_subprocess_exec(
        *("sh", "-c", script),
        env={"STEPLADDER_TERMINATION_LOG": str(layout.termination_log(uid)), "PATH": os.environ["PATH"]},
        start_new_session=True,
    )
    started = process.start_time(orphan.pid)
    assert started is not None
    process.Identity(orphan.pid, started).write(layout.process(uid))
    await said(fifo)
    async with running(store, layout):
        pod = await until(store, ended)
    assert await orphan.wait() == 75
    process.kill_session(orphan.pid)
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "Terminated")
    assert "DisruptionTarget" in [c["type"] for c in pod["status"]["conditions"]]
    end = terminated(pod)
    assert (end["exitCode"], end["reason"], end["message"]) == (137, "ContainerStatusUnknown", "saved")


async def test_another_program_that_has_the_orphans_id_now_is_left_alone(
    store: MemoryStore, layout: Layout, make_pod: PodMaker
) -> None:
    uid = await bound(store, make_pod())
    layout.pod(uid).mkdir(parents=True)
    process.Identity(os.getpid(), "another-boot/1").write(layout.process(uid))  # were it stopped, so were the tests
    async with running(store, layout):
        pod = await until(store, ended)
    assert pod["status"]["reason"] == "Terminated"


async def test_a_pod_that_was_being_deleted_when_the_earlier_life_ended_goes(
    store: MemoryStore, layout: Layout, make_pod: PodMaker
) -> None:
    await bound(store, make_pod())
    await store.delete(PODS, "lab", "trial-0-1")
    changes = store.changes()
    async with running(store, layout):
        await until_gone(store, changes)


async def test_an_orphan_whose_pod_is_gone_is_stopped(store: MemoryStore, layout: Layout, fifo: Path) -> None:
    layout.pod("forgotten").mkdir(parents=True)
    orphan = await asyncio.create_subprocess_exec("sh", "-c", f"echo > {fifo}; exec sleep 60", start_new_session=True)
    started = process.start_time(orphan.pid)
    assert started is not None
    process.Identity(orphan.pid, started).write(layout.process("forgotten"))
    await said(fifo)
    async with running(store, layout):
        assert await asyncio.wait_for(orphan.wait(), 20) == -15
    assert not layout.pod("forgotten").exists()


def test_a_torn_record_of_a_process_is_none(tmp_path: Path) -> None:
    for text in ("", '{"pid": 1', '{"pid": "x", "started": "y"}', "[]"):
        (tmp_path / "process.json").write_text(text)
        assert process.Identity.read(tmp_path / "process.json") is None


def test_ports_are_free() -> None:
    from stepladder.local.ports import Ports

    ports = Ports()
    with ports.reserved() as first, ports.reserved() as second, socket.socket() as probe:
        assert first != second
        probe.bind(("127.0.0.1", first))
