"""Who owns whom, for the garbage collector: an object goes when the last of its owners has gone."""

from collections import defaultdict

from stepladder.control.store import CLAIMS, EVENTS, PODS, QUOTAS, STUDIES, TRIALS, Object
from stepladder.local.objects import Key

_COLLECTED = frozenset((r.api_version, r.kind) for r in (STUDIES, TRIALS, PODS, QUOTAS, CLAIMS, EVENTS))


def owner_uids(manifest: Object) -> frozenset[str]:
    """UIDs of the owners whose kinds live in this store; owners of other kinds are taken to be alive and left out."""
    references = manifest["metadata"].get("ownerReferences") or ()
    return frozenset(r["uid"] for r in references if (r.get("apiVersion"), r.get("kind")) in _COLLECTED)


class Owners:
    """Which UIDs exist, and which objects name them as their owners."""

    def __init__(self) -> None:
        self._alive: set[str] = set()
        self._dependents: defaultdict[str, set[Key]] = defaultdict(set)

    def put(self, key: Key, old: Object | None, new: Object) -> None:
        """An object has come or changed."""
        before = owner_uids(old) if old else frozenset()
        after = owner_uids(new)
        for uid in before - after:
            self._dependents[uid].discard(key)
        for uid in after - before:
            self._dependents[uid].add(key)
        self._alive.add(new["metadata"]["uid"])

    def remove(self, key: Key, old: Object) -> list[Key]:
        """An object has gone. Returns those that named it as an owner."""
        for uid in owner_uids(old):
            self._dependents[uid].discard(key)
        uid = old["metadata"]["uid"]
        self._alive.discard(uid)
        return sorted(self._dependents.pop(uid, ()), key=lambda dependent: dependent[1:])

    def abandoned(self, manifest: Object) -> bool:
        """Whether it has owners, none of which exists."""
        uids = owner_uids(manifest)
        others = len(manifest["metadata"].get("ownerReferences") or ()) > len(uids)
        return bool(uids) and not others and not any(uid in self._alive for uid in uids)
