"""The ObjectStore of the local home: the registry behind asynchronous methods, and its watch."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime

from stepladder.control.store import WATCHED, Change, Listing, Object, Patch, Resource
from stepladder.local import objects
from stepladder.local.registry import Admit, Registry, admit_all


class MemoryStore:
    """An ObjectStore in this process's memory. No method waits for anything, so each is atomic."""

    def __init__(self, *, admit: Admit = admit_all, clock: Callable[[], datetime] = objects.now) -> None:
        self.registry = Registry(admit=admit, clock=clock)
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self.registry.listeners.append(self._announce)

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Raises NotFound."""
        return _outward(self.registry.get(resource, namespace, name))

    async def list(
        self, resource: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Listing:
        """In the order of namespace and name, as an API server lists."""
        found = tuple(_outward(manifest) for manifest in self.registry.list(resource, namespace, labels))
        return Listing(found, self.registry.resource_version)

    async def create(self, resource: Resource, manifest: Object) -> Object:
        """Raises AlreadyExists, QuotaExceeded, Invalid."""
        return _outward(self.registry.create(resource, manifest))

    async def patch(
        self, resource: Resource, namespace: str, name: str, patch: Patch, *, resource_version: str | None = None
    ) -> Object:
        """Change everything but the status. Raises NotFound, Conflict, Invalid."""
        return _outward(self.registry.patch(resource, namespace, name, patch, resource_version=resource_version))

    async def patch_status(
        self, resource: Resource, namespace: str, name: str, patch: Patch, *, resource_version: str | None = None
    ) -> Object:
        """Change the status only. Raises NotFound, Conflict, Invalid."""
        written = self.registry.patch(resource, namespace, name, patch, resource_version=resource_version, status=True)
        return _outward(written)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str | None = None) -> None:
        """Begin to delete it; a pod that a node has goes when `finish_pod` says so. Raises NotFound, Conflict."""
        self.registry.delete(resource, namespace, name, uid=uid)

    async def bind_pod(self, namespace: str, name: str, node: str, *, uid: str | None = None) -> Object:
        """For kubelets: this node has the pod now. Raises NotFound, and Conflict if another node has it."""
        return _outward(self.registry.bind(namespace, name, node, uid=uid))

    async def finish_pod(self, namespace: str, name: str, uid: str) -> None:
        """For kubelets: the process has ended, remove the pod. One with another UID is left alone."""
        self.registry.finish(namespace, name, uid)

    def changes(self) -> "AsyncIterator[Change]":
        """Every change of the WATCHED resources since this call; forgotten when nobody holds the iterator."""
        watch = Watch()
        self._watches.add(watch)
        return watch

    def _announce(self, change: Change) -> None:
        if change.resource in WATCHED:
            for watch in list(self._watches):
                watch.put(change)


class Watch:
    """One subscriber's changes, in order."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Change] = asyncio.Queue()

    def put(self, change: Change) -> None:
        """Hand it one more."""
        self._queue.put_nowait(change)

    def __aiter__(self) -> "Watch":
        return self

    async def __anext__(self) -> Change:
        change = await self._queue.get()
        return Change(change.type, change.resource, _outward(change.object))


def _outward(manifest: Object) -> Object:
    copied: Object = objects.copy(manifest)
    return copied
