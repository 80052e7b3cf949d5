"""Writes go through the cache, and a refusal teaches it what it did not know."""

import pytest

from control import samples
from control.virtual import run
from stepladder.control.cache import Cache, Key, key_of
from stepladder.control.store import TRIALS, Change, Conflict, NotFound, Object
from stepladder.control.writes import Writer
from stepladder.local.store import MemoryStore


class World:
    def __init__(self) -> None:
        self.store, self.cache = MemoryStore(), Cache()
        self.told: list[Change] = []
        self.writer = Writer(self.store, self.cache, self.told.append)

    async def made(self) -> tuple[Key, Object]:
        manifest = samples.trial()
        manifest["metadata"] = {"name": "study-1", "namespace": samples.NAMESPACE}
        made = await self.writer.create(TRIALS, manifest)
        self.told.clear()
        return key_of(TRIALS, made), made

    async def meddled(self, key: Key) -> Object:
        """Changed by somebody else; the watch has not told yet."""
        return await self.store.patch(TRIALS, key.namespace, key.name, {"spec": {"targetSteps": 90}})


def test_what_is_written_is_known_and_told_at_once() -> None:
    async def main() -> None:
        world = World()
        key, _ = await world.made()
        written = await world.writer.patch(key, {"spec": {"targetSteps": 90}})
        assert world.cache.get(key) == written
        assert [c.object["spec"]["targetSteps"] for c in world.told] == [90]

    run(main())


def test_a_conflict_is_learned_from() -> None:
    """Catches a write that is tried against the same old state until the watch comes back."""

    async def main() -> None:
        world = World()
        key, base = await world.made()
        newest = await world.meddled(key)
        for write in (
            world.writer.patch(key, {"spec": {"desired": "Stop"}}, base=base),
            world.writer.replace_status(key, {"phase": "Pending"}, base=base),
        ):
            with pytest.raises(Conflict):
                await write
            assert world.cache.get(key) == newest

    run(main())


def test_an_object_that_is_gone_is_forgotten_and_told() -> None:
    async def main() -> None:
        world = World()
        key, base = await world.made()
        await world.store.delete(TRIALS, key.namespace, key.name)
        with pytest.raises(NotFound):
            await world.writer.patch(key, {"spec": {"desired": "Stop"}}, base=base)
        assert world.cache.get(key) is None
        assert [c.type for c in world.told] == ["DELETED"]
        await world.writer.delete(key)

    run(main())


def test_a_deletion_is_meant_for_the_object_that_was_seen() -> None:
    """Catches a new pod deleted for an old one of its name."""

    async def main() -> None:
        world = World()
        key, _ = await world.made()
        await world.store.delete(TRIALS, key.namespace, key.name)
        manifest = samples.trial()
        manifest["metadata"] = {"name": key.name, "namespace": key.namespace}
        again = await world.store.create(TRIALS, manifest)
        with pytest.raises(Conflict):
            await world.writer.delete(key)
        assert world.cache.get(key) == again

    run(main())


def test_a_read_past_the_cache_is_told_like_news() -> None:
    """Catches a pod found under its name that nobody looks at any more, since the watch has said it all before."""

    async def main() -> None:
        world = World()
        key, _ = await world.made()
        newest = await world.meddled(key)
        assert await world.writer.refresh(key) == newest
        assert world.cache.get(key) == newest
        assert [c.object for c in world.told] == [newest]

    run(main())


def test_an_object_made_again_during_a_read_is_not_forgotten() -> None:
    """Catches a living pod that is invisible for ever, because its name was seen gone a moment before it was made."""

    async def main() -> None:
        world = World()
        key, old = await world.made()

        class Late(MemoryStore):
            async def get(self, *_: object) -> Object:
                world.cache.forget(TRIALS, old)
                world.cache.put(TRIALS, new)
                raise NotFound("gone")

        new = old | {"metadata": old["metadata"] | {"uid": "new", "resourceVersion": "99"}}
        world.writer.store = Late()
        assert await world.writer.refresh(key) is None
        assert world.cache.get(key) == new

    run(main())
