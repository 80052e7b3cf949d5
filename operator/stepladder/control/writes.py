"""Our own writes: what the store answers goes into the cache at once, so that no plan is made without it."""

from collections.abc import Callable, Mapping
from typing import Any

from stepladder.control.cache import Cache, Key
from stepladder.control.store import Change, NotFound, Object, ObjectStore, Resource


class Writer:
    """Writes through to the store and remembers the answer."""

    def __init__(self, store: ObjectStore, cache: Cache, on_write: Callable[[Change], None]) -> None:
        self.store = store
        self._cache = cache
        self._on_write = on_write

    def _remember(self, resource: Resource, written: Object) -> Object:
        """The watch will tell of it too, later or never; what follows from it need not wait."""
        if self._cache.put(resource, written):
            self._on_write(Change("MODIFIED", resource, written))
        return written

    async def create(self, resource: Resource, manifest: Object) -> Object:
        """Create an object. Raises what the store raises."""
        return self._remember(resource, await self.store.create(resource, manifest))

    async def patch(self, key: Key, patch: Mapping[str, Any], *, base: Object | None = None) -> Object:
        """Merge-patch an object; with `base`, only if that is its newest state (else Conflict)."""
        version = base["metadata"]["resourceVersion"] if base else None
        written = await self.store.patch(key.resource, key.namespace, key.name, patch, resource_version=version)
        return self._remember(key.resource, written)

    async def replace_status(self, key: Key, status: Mapping[str, Any], *, base: Object) -> Object:
        """Put a whole status in place of `base`'s, if that is the newest state (else Conflict)."""
        written = await self.store.patch_status(
            key.resource,
            key.namespace,
            key.name,
            [{"op": "add", "path": "/status", "value": dict(status)}],
            resource_version=base["metadata"]["resourceVersion"],
        )
        return self._remember(key.resource, written)

    async def delete(self, key: Key, *, uid: str | None = None) -> None:
        """Begin to delete an object; one that is already gone is no error."""
        try:
            await self.store.delete(key.resource, key.namespace, key.name, uid=uid)
        except NotFound:
            known = self._cache.get(key)
            if known is not None:
                self._cache.forget(key.resource, known)
