"""Our own writes, and reads past the cache: what the store answers goes into the cache at once, so that no plan is made
without it."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from stepladder.control.cache import Cache, Key
from stepladder.control.store import Change, Conflict, NotFound, Object, ObjectStore, Patch, Resource


class Writer:
    """Writes and reads through to the store, and remembers the answer."""

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

    async def patch(self, key: Key, patch: Patch, *, base: Object | None = None) -> Object:
        """Patch an object; with `base`, only if that is its newest state (else Conflict)."""
        version = base["metadata"]["resourceVersion"] if base else None
        async with self._corrected(key):
            written = await self.store.patch(key.resource, key.namespace, key.name, patch, resource_version=version)
        return self._remember(key.resource, written)

    async def replace_status(self, key: Key, status: Mapping[str, Any], *, base: Object) -> Object:
        """Put a whole status in place of `base`'s, if that is the newest state (else Conflict)."""
        async with self._corrected(key):
            written = await self.store.patch_status(
                key.resource,
                key.namespace,
                key.name,
                [{"op": "add", "path": "/status", "value": dict(status)}],
                resource_version=base["metadata"]["resourceVersion"],
            )
        return self._remember(key.resource, written)

    async def delete(self, key: Key) -> None:
        """Begin to delete the object that the cache knows by this key; one that is already gone is no error."""
        known = self._cache.get(key)
        if known is None:
            return
        with contextlib.suppress(NotFound):
            async with self._corrected(key):
                await self.store.delete(key.resource, key.namespace, key.name, uid=known["metadata"]["uid"])

    @contextlib.asynccontextmanager
    async def _corrected(self, key: Key) -> AsyncIterator[None]:
        """Read what a refusal says that the cache does not know; the refusal is passed on."""
        try:
            yield
        except (Conflict, NotFound):
            await self.refresh(key)
            raise

    async def refresh(self, key: Key) -> Object | None:
        """Read an object anew, past the cache, which learns from it; None if it is gone.

        What is new is told as if the watch had said it: it may never say it again.
        """
        known = self._cache.get(key)  # before the read: one made again meanwhile is not the one that is gone
        try:
            found = await self.store.get(key.resource, key.namespace, key.name)
        except NotFound:
            if known is not None and self._cache.forget(key.resource, known):
                self._on_write(Change("DELETED", key.resource, known))
            return None
        return self._remember(key.resource, found)
