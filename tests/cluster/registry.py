"""The local image registry: blobs on disk, manifests in memory, plain HTTP, reachable from the host and the nodes."""

import json
import urllib.request
from typing import Any

from cluster import machine
from cluster.build import BIN
from cluster.layout import CONTROL_PLANE, LOGS, REGISTRY, REGISTRY_BLOBS
from cluster.shell import wait_until


def start() -> None:
    """Start it and wait until it answers."""
    REGISTRY_BLOBS.mkdir(parents=True, exist_ok=True)
    serve = ("registry", "serve", "--address", REGISTRY, "--disk", REGISTRY_BLOBS)
    machine.spawn(CONTROL_PLANE, "registry", BIN / "crane", *serve)
    wait_until("the registry answers", answers, 20, [LOGS / "registry.log"])


def answers() -> bool:
    try:
        get("")
    except OSError:
        return False
    return True


def get(path: str) -> Any:
    """A decoded answer of the registry; OSError where it does not answer."""
    accept = "application/vnd.oci.image.manifest.v1+json,application/vnd.docker.distribution.manifest.v2+json"
    request = urllib.request.Request(f"http://{REGISTRY}/v2/{path}", headers={"Accept": accept})  # noqa: S310 - http
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=5) as answer:
        body = answer.read()
    return json.loads(body or "null")


def prune() -> None:
    """Delete blobs that no tagged image refers to: the registry itself never does."""
    wanted: set[str] = set()
    for repository in get("_catalog")["repositories"]:
        for tag in get(f"{repository}/tags/list")["tags"]:
            manifest = get(f"{repository}/manifests/{tag}")
            wanted.update(blob["digest"].partition(":")[2] for blob in [manifest["config"], *manifest["layers"]])
    for blob in REGISTRY_BLOBS.rglob("*"):
        if blob.is_file() and blob.name not in wanted:
            blob.unlink()
