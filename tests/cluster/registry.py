"""The local image registry: Debian's docker-registry over plain HTTP, reachable from the host and the nodes."""

import json
import urllib.request
from typing import Any

from cluster import machine, shell
from cluster.layout import CONTROL_PLANE, LOGS, REGISTRY, REGISTRY_STORE

CONFIGURATION = CONTROL_PLANE.directory / "registry.json"


def start() -> None:
    """Start it and wait until it answers."""
    REGISTRY_STORE.mkdir(parents=True, exist_ok=True)
    CONFIGURATION.write_text(json.dumps(configuration(), indent=1))  # JSON is YAML
    machine.spawn(CONTROL_PLANE, "registry", "docker-registry", "serve", CONFIGURATION)
    shell.wait_until("the registry answers", answers, 20, [LOGS / "registry.log"])


def configuration() -> dict[str, object]:
    """No cache of what blobs there are: garbage collection happens behind the registry's back."""
    storage = {"filesystem": {"rootdirectory": str(REGISTRY_STORE)}, "delete": {"enabled": True}}
    return {"version": 0.1, "storage": storage, "http": {"addr": REGISTRY}}


def answers() -> bool:
    try:
        get("")
    except OSError:
        return False
    return True


def tags() -> list[str]:
    """Every repository:tag there is."""
    names = get("_catalog")["repositories"] or []
    return [f"{name}:{tag}" for name in names for tag in get(f"{name}/tags/list")["tags"] or []]


def get(path: str) -> Any:
    """A decoded answer of the registry; OSError where it does not answer."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://{REGISTRY}/v2/{path}", timeout=5) as answer:
        return json.load(answer)


def prune() -> None:
    """Delete what no tag refers to any more, which the registry never does by itself. Nobody may push meanwhile."""
    shell.run("docker-registry", "garbage-collect", "--delete-untagged", CONFIGURATION)
