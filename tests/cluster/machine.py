"""A node's machine: process, mount and network namespaces under one init process.

Ending the init process is pulling the plug: the kernel ends every process inside, containers included, and with them go
the mounts, the bridges and the packet filter rules. Nothing of them is ever on the host but one end of a network cable.
"""

import subprocess
import sys
from pathlib import Path

from cluster import cgroups, network, processes
from cluster.layout import LOGS, NODES, VOLUMES, Node
from cluster.processes import Process
from cluster.shell import ClusterError, run, wait_until

# Reaps orphans: with SIGCHLD ignored the kernel does it, for init adopts them all.
INIT = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    signal.pause()
"""

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
    log.parent.mkdir(parents=True, exist_ok=True)
    unshare = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--propagation", "slave")
    script = ("sh", "-ec", BOOT, "boot", str(var), str(node.containerd_root), str(VOLUMES), sys.executable, INIT)
    with log.open("ab") as sink:
        # A session of its own: neither the end of `up` nor its Ctrl-C reaches the machine.
        parent = subprocess.Popen(
            [*unshare, *script], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd="/", start_new_session=True
        ).pid
    wait_until(f"{node.name} starts", lambda: processes.child_of(parent) is not None, 10, [log])
    pid = processes.child_of(parent)
    if pid is None:
        raise ClusterError(f"{node.name} ended while it booted:\n{log.read_text()}")
    machine = processes.record(node.name, node.index, script, pid)
    wait_until(f"{node.name} boots", lambda: Path(f"/proc/{pid}/root/run/booted").exists(), 10, [log])
    network.plug_in(node, machine.pid)
    return machine


def spawn(node: Node, name: str, *argv: str | Path) -> Process:
    """Start a program inside the node's machine and record it.

    The shell in between ends at once, so that the program becomes a child of the machine's init process.

    Raises:
        ClusterError: the machine is off, or the program ended at once.
    """
    machine = processes.find(node.name)
    words = [str(word) for word in argv]
    log = LOGS / f"{name}.log"
    background = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 & echo $!'
    inner = run(*enter(machine), "sh", "-c", background, name, log, *words)
    pid = processes.seen_as(int(inner), machine)
    if pid is None:
        raise ClusterError(f"{name} ended at once, see {log}")
    return processes.record(name, node.index, words, pid)


def enter(machine: Process) -> list[str]:
    """The words before a command that is to run inside the machine."""
    return ["nsenter", "--target", str(machine.pid), "--mount", "--net", "--pid"]


def power_off() -> None:
    """End every machine with all it runs, and take the network from the host. Does nothing where nothing is."""
    machines = {node.name for node in NODES}
    for process in sorted(processes.recorded(), key=lambda process: process.name not in machines):
        processes.kill(process)
    network.remove()
    cgroups.remove()
