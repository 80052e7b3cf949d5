"""What the reconcilers read: the newest state known of every watched object.

Fed by the watch, by periodic lists (a watch that was interrupted never says what was deleted meanwhile) and by the
answers to our own writes, so that a reconcile never plans on a state older than what it has itself written.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from stepladder.api import names
from stepladder.control.store import DEPLOYMENTS, PODS, SERVICES, STUDIES, TRIALS, Change, Listing, Object, Resource

# The label by which the children of an object are found.
OWNER_LABEL = {
    TRIALS: names.STUDY_LABEL,
    PODS: names.TRIAL_LABEL,
    DEPLOYMENTS: names.STUDY_LABEL,
    SERVICES: names.STUDY_LABEL,
}
TOMBSTONES = 50_000  # UIDs of deleted objects that late news may not bring back
LAST_WORDS = 1_000  # deleted pods whose end may not have been recorded yet


class Key(NamedTuple):
    """An object of some resource: also what the workqueue holds."""

    resource: Resource
    namespace: str
    name: str


def key_of(resource: Resource, item: Object) -> Key:
    """The key of an object."""
    return Key(resource, item["metadata"].get("namespace", ""), item["metadata"]["name"])


def version_of(item: Object) -> int:
    """The resourceVersion, which Kubernetes 1.35 and later promise to be comparable within a resource."""
    return int(item["metadata"]["resourceVersion"])


class Cache:
    """The newest known objects, indexed by the label that names their owner."""

    def __init__(self) -> None:
        self._objects: dict[Resource, dict[Key, Object]] = defaultdict(dict)
        self._children: dict[tuple[Resource, str, str], dict[Key, Object]] = defaultdict(dict)
        self._gone: OrderedDict[str, None] = OrderedDict()  # UIDs
        self._last_words: OrderedDict[Key, Object] = OrderedDict()
        self._revisions: dict[Resource, int] = defaultdict(int)

    def get(self, key: Key) -> Object | None:
        """The newest known state."""
        return self._objects[key.resource].get(key)

    def all(self, resource: Resource) -> Iterable[Object]:
        """Every known object of a resource."""
        return tuple(self._objects[resource].values())

    def children(self, resource: Resource, namespace: str, owner: str) -> tuple[Object, ...]:
        """The objects of `resource` whose owner label is `owner`."""
        return tuple(self._children.get((resource, namespace, owner), {}).values())

    def last_words(self, pod: Key) -> Object | None:
        """A pod that is gone, as it last was: it may have ended with a result."""
        return self._last_words.get(pod)

    def revision(self, resource: Resource) -> int:
        """Another number whenever anything of this resource has changed."""
        return self._revisions[resource]

    def observe(self, change: Change) -> bool:
        """Take in one change; whether it said anything new."""
        if change.type == "DELETED":
            return self.forget(change.resource, change.object)
        return self.put(change.resource, change.object)

    def put(self, resource: Resource, item: Object) -> bool:
        """Take in an object's state, unless a newer one is known or it is known to be deleted."""
        if item["metadata"]["uid"] in self._gone:
            return False
        key = key_of(resource, item)
        known = self._objects[resource].get(key)
        if known is not None and version_of(known) >= version_of(item):
            return False
        owner = self._owner(resource, item)
        if known is not None and self._owner(resource, known) != owner:
            self._disown(key, known)
        self._objects[resource][key] = item
        if owner:
            self._children[resource, key.namespace, owner][key] = item
        self._revisions[resource] += 1
        return True

    def forget(self, resource: Resource, item: Object) -> bool:
        """Take in that an object is gone; `item` is its last known state. Whether this is news."""
        uid = item["metadata"]["uid"]
        key = key_of(resource, item)
        known = self._objects[resource].get(key)
        self._gone[uid] = None
        if resource == PODS:
            # A watch may have lost the end and a list may find the pod gone: whichever state is the newer one.
            newest = known if known is not None and version_of(known) > version_of(item) else item
            if newest["metadata"]["uid"] == uid:
                self._last_words[key] = newest
        for memory, limit in ((self._gone, TOMBSTONES), (self._last_words, LAST_WORDS)):
            while len(memory) > limit:
                memory.popitem(last=False)
        if known is None or known["metadata"]["uid"] != uid:
            return False
        del self._objects[resource][key]
        self._disown(key, known)
        self._revisions[resource] += 1
        return True

    def replace(self, resource: Resource, listing: Listing) -> tuple[Change, ...]:
        """Repair from a list; the changes that it revealed.

        What the cache holds from after the list was taken is kept.
        """
        revealed = [Change("MODIFIED", resource, item) for item in listing.items if self.put(resource, item)]
        listed = {item["metadata"]["uid"] for item in listing.items}
        for item in tuple(self._objects[resource].values()):
            if item["metadata"]["uid"] not in listed and version_of(item) <= listing.resource_version:
                self.forget(resource, item)
                revealed.append(Change("DELETED", resource, item))
        return tuple(revealed)

    def _disown(self, key: Key, known: Object) -> None:
        owner = self._owner(key.resource, known)
        if owner is None:
            return
        siblings = self._children[key.resource, key.namespace, owner]
        siblings.pop(key, None)
        if not siblings:
            del self._children[key.resource, key.namespace, owner]

    @staticmethod
    def _owner(resource: Resource, item: Object) -> str | None:
        return owner_of(resource, item)


def owner_of(resource: Resource, item: Object) -> str | None:
    """The name of the owner by the object's label; of a Trial that a person has applied, the study that it names."""
    owner: str | None = item["metadata"].get("labels", {}).get(OWNER_LABEL.get(resource, ""))
    return owner or (item.get("spec", {}).get("study") if resource == TRIALS else None)


def concerns(resource: Resource, item: Object) -> tuple[Key, ...]:
    """Whom a change of this object concerns: itself if it is reconciled, and its owner."""
    namespace = item["metadata"].get("namespace", "")
    owner = owner_of(resource, item)
    if resource == PODS:
        return (Key(TRIALS, namespace, owner),) if owner else ()
    if resource in (DEPLOYMENTS, SERVICES):
        return (Key(STUDIES, namespace, owner),) if owner else ()
    if resource == TRIALS:
        return (key_of(resource, item), *((Key(STUDIES, namespace, owner),) if owner else ()))
    return (key_of(resource, item),)
