"""Fake GPUs: what a device plugin would report, written into the node's status by hand."""

import json

from cluster import kubectl
from cluster.shell import wait_until

RESOURCE = "nvidia.com/gpu"
COUNT = 8


def fit(node: str) -> None:
    """Give the node GPUs; the kubelet keeps what it finds in capacity, even when it starts again."""
    key = RESOURCE.replace("/", "~1")
    paths = [f"/status/{part}/{key}" for part in ("capacity", "allocatable")]
    patch = [{"op": "add", "path": path, "value": str(COUNT)} for path in paths]
    kubectl.run("patch", "node", node, "--subresource=status", "--type=json", f"--patch={json.dumps(patch)}")
    wait_until(f"the GPUs of {node} are allocatable", lambda: allocatable(node) == COUNT, 30)


def allocatable(node: str) -> int:
    return int(kubectl.get("node", node)["status"].get("allocatable", {}).get(RESOURCE, "0"))
