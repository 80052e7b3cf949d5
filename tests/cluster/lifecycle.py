"""The cluster as a whole: up, down, status, and stopping and starting one of its programs."""

import os
import shutil
import time

from cluster import (
    build,
    certificates,
    containerd,
    control_plane,
    gpu,
    kubectl,
    kubelet,
    machine,
    network,
    packages,
    pause,
    processes,
    registry,
    volumes,
)
from cluster.layout import KUBECONFIG, LOGS, NODES, REGISTRY, STATE
from cluster.shell import ClusterError, say, wait_until


def up() -> None:
    """Start the cluster and wait until pods with GPUs can run; does nothing where it is healthy already.

    Raises:
        ClusterError: something did not come up; the message shows its log. `down` cleans up after it.
    """
    if os.geteuid() != 0:
        raise ClusterError("the test cluster makes namespaces and mounts: run it as root")
    if healthy():
        say(f"the cluster is up: export KUBECONFIG={KUBECONFIG}")
        return
    began = time.monotonic()
    clear()
    packages.ensure(packages.CLUSTER)
    network.check_free()
    build.programs()
    shutil.rmtree(LOGS, ignore_errors=True)
    certificates.make()
    for node in NODES:
        machine.boot(node)
    control_plane.start()
    registry.start()
    for node in NODES:
        containerd.start(node)
        pause.load(node)
        kubelet.start(node)
    for node in NODES:
        kubelet.wait_until_ready(node)
        gpu.fit(node.name)
    volumes.offer()
    wait_until("pods can be created", lambda: kubectl.succeeds("get", "serviceaccount", "default"), 30)
    say(f"the cluster is up after {time.monotonic() - began:.0f} s: export KUBECONFIG={KUBECONFIG}")


def down() -> None:
    """End every process and remove everything but caches and logs; does nothing where nothing is."""
    clear()
    say("the cluster is down")


def clear() -> None:
    machine.power_off()
    if STATE.exists():
        for path in STATE.iterdir():
            if path.is_dir() and path != LOGS:
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink()


def healthy() -> bool:
    """Whether everything that was started still runs, the API answers, and every node has its GPUs."""
    recorded = processes.recorded()
    if not KUBECONFIG.exists() or not recorded or not all(process.alive() for process in recorded):
        return False
    try:
        return registry.answers() and all(kubelet.ready(node) and gpu.allocatable(node.name) > 0 for node in NODES)
    except ClusterError:
        return False


def status() -> bool:
    """Print what runs, and return whether all is well."""
    for process in processes.recorded():
        say(f"{process.name:28} {'pid ' + str(process.pid) if process.alive() else 'STOPPED':12} {process.log}")
    well = healthy()
    if well:
        say(kubectl.run("get", "nodes", "-o", "wide").rstrip())
        say(f"registry {REGISTRY}: {', '.join(registry.tags()) or 'no images'}")
    say(f"kubeconfig {KUBECONFIG}: {'healthy' if well else 'not healthy' if processes.recorded() else 'down'}")
    return well


def stop(name: str) -> None:
    """End one program at once, as a fault would.

    Raises:
        ClusterError: there is no such program.
    """
    processes.kill(processes.find(program(name)))


def start(name: str) -> None:
    """Start a stopped program as it was started first, and wait until it is of use again.

    Raises:
        ClusterError: there is no such program, or it does not come back.
    """
    process = processes.find(program(name))
    if process.alive():
        return
    node = NODES[process.node]
    machine.spawn(node, process.name, *process.argv)
    control_plane.wait_until_ready()
    if process.name.startswith("kubelet"):
        kubelet.wait_until_ready(node)


def program(name: str) -> str:
    """The recorded name of a program: `apiserver` and `kubelet` are short for kube-apiserver and kubelet-0."""
    names = {process.name for process in processes.recorded()} - {node.name for node in NODES}
    short = [known for known in names if name in (known, known.removeprefix("kube-"), known.removesuffix("-0"))]
    if len(short) != 1:
        raise ClusterError(f"{name!r} is none of: {', '.join(sorted(names)) or 'nothing, the cluster is down'}")
    return short[0]
