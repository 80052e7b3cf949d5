"""The homes that the ObjectStore contract is run against, and manifests that any API server would accept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from stepladder.api import names
from stepladder.control.store import PODS, NotFound, Object, ObjectStore, Resource
from stepladder.local.admission import admit
from stepladder.local.store import MemoryStore

NODE = "a-node-that-nobody-runs"


@dataclass(frozen=True)
class Home:
    """A store under test, a namespace that is its own, and what a node does to pods, which no port offers."""

    store: ObjectStore
    namespace: str
    bind: Callable[[str], Awaitable[object]]
    """Give the pod of that name to NODE, as a scheduler would."""
    finish: Callable[[str], Awaitable[object]]
    """Remove the pod of that name at once, as a kubelet does when its processes have ended."""


@asynccontextmanager
async def memory() -> AsyncIterator[Home]:
    """The laptop's store."""
    store, namespace = MemoryStore(admit=admit), "contract"

    async def bind(name: str) -> None:
        await store.bind_pod(namespace, name, NODE)

    async def finish(name: str) -> None:
        found = await store.get(PODS, namespace, name)
        await store.finish_pod(namespace, name, found["metadata"]["uid"])

    yield Home(store, namespace, bind, finish)


async def eventually(check: Callable[[], Awaitable[bool]], what: str, seconds: float = 30) -> None:
    """Poll until `check` holds; it is asked once before any waiting. Fails with `what` after `seconds`, which is long
    because a real API server's controllers take their time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await check():
        assert asyncio.get_running_loop().time() < deadline, f"still not true after {seconds} s: {what}"
        await asyncio.sleep(0.05)


async def gone(store: ObjectStore, resource: Resource, namespace: str, name: str) -> bool:
    """Whether there is no such object."""
    try:
        await store.get(resource, namespace, name)
    except NotFound:
        return True
    return False


def study(namespace: str, name: str = "digits", **metadata: Any) -> Object:
    """A small TuningStudy."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.STUDY_KIND,
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {
            "objective": {"metric": "validation_error"},
            "parameters": [{"name": "learning_rate", "float": {"min": 1e-5, "max": 1, "scale": "Log"}}],
            "rounds": [{"name": "explore", "trials": 2, "maxSteps": 10}],
            "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "example.test/trainer"}]}}},
        },
    }


def trial(namespace: str, name: str = "digits-0", owner: Object | None = None, **metadata: Any) -> Object:
    """A Trial of the study `digits`, owned by `owner` if there is one."""
    owners = {"ownerReferences": [reference(owner)]} if owner else {}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.TRIAL_KIND,
        "metadata": {"name": name, "namespace": namespace, **owners, **metadata},
        "spec": {"study": "digits", "targetSteps": 10, "horizonSteps": 100, "parameters": {"learning_rate": 0.1}},
    }


def pod(
    namespace: str, name: str = "digits-0-1", owner: Object | None = None, gpus: int = 0, **metadata: Any
) -> Object:
    """A pod of a trial that no node takes by itself. GPUs are asked for as limits, as people do."""
    metadata = {"labels": {names.TRIAL_LABEL: "digits-0"}, **metadata}
    owners = {"ownerReferences": [reference(owner)]} if owner else {}
    resources = {"limits": {names.GPU_RESOURCE: gpus}} if gpus else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **owners, **metadata},
        "spec": {
            "restartPolicy": "Never",
            "nodeSelector": {"no-such-label": "anywhere"},
            "containers": [{"name": "trainer", "image": "example.test/trainer", "resources": resources}],
        },
    }


def deployment(namespace: str, name: str = "digits", owner: Object | None = None) -> Object:
    """A Deployment of a study, whose pods no node takes."""
    owners = {"ownerReferences": [reference(owner)]} if owner else {}
    template = {"metadata": {"labels": {"app": name}}, "spec": pod(namespace)["spec"] | {"restartPolicy": "Always"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {names.STUDY_LABEL: name}, **owners},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def service(namespace: str, name: str = "digits", owner: Object | None = None) -> Object:
    """A Service of a study."""
    owners = {"ownerReferences": [reference(owner)]} if owner else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {names.STUDY_LABEL: name}, **owners},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080}]},
    }


def quota(namespace: str, gpus: int, name: str = "gpus") -> Object:
    """So many GPUs for the namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hard": {names.GPU_QUOTA_RESOURCE: str(gpus)}},
    }


def reference(owner: Object) -> Object:
    """The owner reference that a controller writes."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }
