"""A node's machine: process, mount and network namespaces under one init process.

Ending the init process is pulling the plug: the kernel ends every process inside, containers included, and with them go
the mounts, the bridges and the packet filter rules. Nothing of them is ever on the host but one end of a network cable.
"""

import sys
from pathlib import Path

from cluster import processes
from cluster.layout import BRIDGE, HOST_ADDRESS, LOGS, NETWORK_PREFIX, NODES, POD_CIDR, SERVICE_CIDR, VOLUMES, Node
from cluster.processes import Process
from cluster.shell import ClusterError, run, succeeds, wait_until

# Reaps orphans: with SIGCHLD ignored the kernel does it, for init adopts them all.
INIT = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); [signal.pause() for _ in iter(int, 1)]"

# /var and /run are the node's own, so every program inside keeps its usual paths without meeting the host's.
BOOT = """
mount --make-rshared /
mount --bind "$1" /var
mount --bind "$2" /var/lib/containerd
mount --bind "$3" /var/lib/volumes
mount -t tmpfs run /run
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi
touch /run/booted
exec "$4" -c "$5"
"""


def boot(node: Node) -> Process:
    """Switch the machine on and plug it into the cluster's network.

    Raises:
        ClusterError: the namespaces could not be made: it takes root and a kernel with them.
    """
    var = node.directory / "var"
    for directory in ("lib/containerd", "lib/volumes", "lib/kubelet", "lib/cni", "log", "tmp"):
        (var / directory).mkdir(parents=True, exist_ok=True)
    (var / "run").symlink_to("/run")
    node.containerd_root.mkdir(parents=True, exist_ok=True)
    VOLUMES.mkdir(parents=True, exist_ok=True)

    log = LOGS / f"{node.name}.log"
    unshare = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--propagation", "slave")
    script = ("sh", "-ec", BOOT, "boot", str(var), str(node.containerd_root), str(VOLUMES), sys.executable, INIT)
    parent = processes.launch([*unshare, *script], log)
    wait_until(f"{node.name} starts", lambda: processes.only_child(parent) is not None, 10, [log])
    pid = processes.only_child(parent)
    if pid is None:
        raise ClusterError(f"{node.name} ended while it booted:\n{log.read_text()}")
    machine = processes.record(node.name, node.index, script, pid)
    wait_until(f"{node.name} boots", lambda: Path(f"/proc/{pid}/root/run/booted").exists(), 10, [log])
    plug_in(node, machine)
    return machine


def plug_in(node: Node, machine: Process) -> None:
    """A virtual cable from the node's eth0 to the bridge on the host, and routes to every node's pods."""
    if not succeeds("ip", "link", "show", BRIDGE):
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{HOST_ADDRESS}/{NETWORK_PREFIX}", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
    run("ip", "link", "add", node.name, "type", "veth", "peer", "name", "eth0", "netns", str(machine.pid))
    run("ip", "link", "set", node.name, "master", BRIDGE, "up")
    inside = ("nsenter", "--target", str(machine.pid), "--net", "ip")
    run(*inside, "address", "add", f"{node.address}/{NETWORK_PREFIX}", "dev", "eth0")
    run(*inside, "link", "set", "eth0", "up")
    # A service's address needs some route before the packet filter rewrites it. There is no default route: what is
    # outside fails at once, not after a timeout.
    run(*inside, "route", "add", SERVICE_CIDR, "via", HOST_ADDRESS)
    for other in NODES:
        if other != node:
            run(*inside, "route", "add", other.pod_cidr, "via", other.address)
    run("ip", "route", "replace", node.pod_cidr, "via", node.address)
    run("ip", "route", "replace", SERVICE_CIDR, "via", node.address)


def spawn(node: Node, name: str, *argv: str | Path) -> Process:
    """Start a program inside the node's machine and record it.

    Raises:
        ClusterError: the machine is off, or the program ended at once.
    """
    machine = processes.find(node.name)
    words = [str(word) for word in argv]
    log = LOGS / f"{name}.log"
    parent = processes.launch([*enter(machine), *words], log)
    wait_until(f"{name} starts", lambda: processes.only_child(parent) is not None, 10, [log])
    pid = processes.only_child(parent)
    if pid is None:
        raise ClusterError(f"{name} ended at once, see {log}")
    return processes.record(name, node.index, words, pid)


def enter(machine: Process) -> list[str]:
    """The words before a command that is to run inside the machine."""
    return ["nsenter", "--target", str(machine.pid), "--mount", "--net", "--pid"]


def power_off() -> None:
    """End every machine with all it runs, and take the network from the host. Does nothing where nothing is."""
    machines = {node.name for node in NODES}
    everything = processes.recorded()
    for process in everything:
        if process.name in machines:
            processes.stop(process, grace_seconds=0)
    for process in everything:
        processes.stop(process, grace_seconds=0)
    for link in (*machines, BRIDGE):
        if succeeds("ip", "link", "show", link):
            run("ip", "link", "delete", link)
    remove_cgroups()


def remove_cgroups() -> None:
    for root in cgroup_roots():
        if root.exists():
            for directory in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
                directory.rmdir()
            root.rmdir()


def cgroup_roots() -> list[Path]:
    """The cluster's own cgroup: in every controller's hierarchy (version 1), or the one there is (version 2)."""
    top = Path("/sys/fs/cgroup")
    if (top / "cgroup.controllers").exists():
        return [top / "stepladder"]
    return [path / "stepladder" for path in top.iterdir() if path.is_dir()]


__all__ = ["POD_CIDR", "boot", "enter", "power_off", "spawn"]
