"""Cables between the host and the nodes: on the host one bridge, one link per node and the routes through them."""

import socket
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from cluster.layout import BRIDGE, HOST_ADDRESS, NETWORK, NODES, POD_CIDR, SERVICE_CIDR, Node
from cluster.shell import ClusterError, run, succeeds

# Some networks give their mirrors and name servers documentation addresses. A route of ours must not hide them.
MIRRORS = ("pypi.org", "files.pythonhosted.org", "deb.debian.org", "proxy.golang.org")


def check_free() -> None:
    """Refuse addresses that this machine uses already.

    Raises:
        ClusterError: names the address and what to set.
    """
    for ours in (NETWORK, IPv4Network(POD_CIDR), IPv4Network(SERVICE_CIDR)):
        for address, owner in used_addresses().items():
            if address in ours:
                raise ClusterError(
                    f"the cluster would hide {owner} ({address}) behind its own range {ours}: "
                    "set STEPLADDER_NETWORK to a free range such as 192.0.2.240/28"
                )
        for route in run("ip", "-4", "route", "show").splitlines():
            destination = route.split()[0]
            if destination != "default" and IPv4Network(destination).overlaps(ours):
                raise ClusterError(f"this machine has a route inside the cluster's range {ours}: {route}")


def used_addresses() -> dict[IPv4Address, str]:
    used = {}
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and ":" not in words[1]:
            used[IPv4Address(words[1])] = "the name server"
    for host in MIRRORS:
        try:
            used[IPv4Address(socket.gethostbyname(host))] = host
        except OSError:
            continue  # a machine without a network has nothing to hide
    return used


def plug_in(node: Node, pid: int) -> None:
    """A virtual cable from the host's bridge to eth0 of the node whose init process is `pid`, and the routes."""
    if not succeeds("ip", "link", "show", BRIDGE):
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{HOST_ADDRESS}/{NETWORK.prefixlen}", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
    run("ip", "link", "add", node.name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    run("ip", "link", "set", node.name, "master", BRIDGE, "up")
    inside = ("nsenter", "--target", str(pid), "--net", "ip")
    run(*inside, "address", "add", f"{node.address}/{NETWORK.prefixlen}", "dev", "eth0")
    run(*inside, "link", "set", "eth0", "up")
    # A service's address needs some route before the packet filter rewrites it. There is no default route: what is
    # outside fails at once, not after a timeout.
    run(*inside, "route", "add", SERVICE_CIDR, "via", HOST_ADDRESS)
    for other in NODES:
        if other != node:
            run(*inside, "route", "add", other.pod_cidr, "via", other.address)
    run("ip", "route", "add", node.pod_cidr, "via", node.address)
    if node == NODES[0]:
        run("ip", "route", "add", SERVICE_CIDR, "via", node.address)


def remove() -> None:
    """Take it all from the host; routes go with the bridge they lead through."""
    for link in (*(node.name for node in NODES), BRIDGE):
        if succeeds("ip", "link", "show", link):
            run("ip", "link", "delete", link)
