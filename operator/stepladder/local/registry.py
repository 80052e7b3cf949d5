"""The objects, behaving as an API server does where a reconciler could tell the difference. Synchronous.

resourceVersions, UIDs, generations, the status subresource, optimistic locking, graceful deletion of pods, the garbage
collector and ResourceQuota are here. Stored objects are never changed in place, so they are shared freely inside
this package; `store` copies them where they leave it.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

from stepladder.control.store import (
    EVENTS,
    PODS,
    QUOTAS,
    AlreadyExists,
    Change,
    Conflict,
    Invalid,
    NotFound,
    Object,
    Patch,
    QuotaExceeded,
    Resource,
)
from stepladder.local import garbage, objects, patches, quota, validation
from stepladder.local.objects import Key

Admit = Callable[[Resource, Object, Object | None], Object]
"""Given the resource, the new object and the old one, the object to store (defaulted, pruned). Raises Invalid."""

DEFAULT_GRACE_SECONDS = 30
_KEPT_EVENTS = 1000
_SERVER_FIELDS = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def admit_all(_resource: Resource, new: Object, _old: Object | None) -> Object:
    """Admission that checks nothing."""
    return new


class Registry:
    """All objects of one home.

    `journal` is given every change before it is made, and may refuse it by raising Unavailable; `listeners` hear of it
    before the write returns. Both see the changes in order.
    """

    def __init__(self, *, admit: Admit = admit_all, clock: Callable[[], datetime] = objects.now) -> None:
        self._admit = admit
        self._clock = clock
        self._objects: defaultdict[Resource, dict[Key, Object]] = defaultdict(dict)
        self._owners = garbage.Owners()
        self.resource_version = 0
        self.journal: Callable[[Change], None] = lambda _change: None
        self.listeners: list[Callable[[Change], None]] = []

    def load(self, stored: Iterable[tuple[Resource, Object]], resource_version: int) -> None:
        """Take over what an earlier life has stored, and finish what a crash may have interrupted."""
        self.resource_version = resource_version
        for resource, manifest in stored:
            key = objects.key_of(resource, manifest)
            self._objects[resource][key] = manifest
            self._owners.put(key, None, manifest)
        for key in [key for kept in self._objects.values() for key in kept]:
            self._collect(key)
        for namespace in {key.namespace for key in self._objects[QUOTAS]}:
            self._refresh_quotas(namespace)

    def all(self) -> list[tuple[Resource, Object]]:
        """Every object there is."""
        return [(resource, manifest) for resource, kept in self._objects.items() for manifest in kept.values()]

    def count(self) -> int:
        """How many objects there are."""
        return sum(len(kept) for kept in self._objects.values())

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """The object. Raises NotFound."""
        found = self._objects[resource].get(Key(resource, namespace, name))
        if found is None:
            raise NotFound(f'{objects.qualified(resource)} "{name}" not found')
        return found

    def list(self, resource: Resource, namespace: str | None, labels: Mapping[str, str] | None) -> list[Object]:
        """The objects of a kind with these labels, by namespace and name."""
        found = (
            (key[1:], manifest)
            for key, manifest in self._objects[resource].items()
            if namespace in (None, key.namespace) and objects.selected(manifest, labels)
        )
        return [manifest for _, manifest in sorted(found, key=lambda pair: pair[0])]

    def create(self, resource: Resource, manifest: Object) -> Object:
        """Raises Invalid, AlreadyExists, QuotaExceeded."""
        new = objects.from_wire(manifest)
        validation.check_new(resource, new)
        key = objects.key_of(resource, new)
        if key in self._objects[resource]:
            raise AlreadyExists(f'{objects.qualified(resource)} "{key.name}" already exists')
        if resource != EVENTS:
            new.pop("status", None)
        new["metadata"] |= {
            "uid": str(uuid4()),
            "creationTimestamp": objects.timestamp(self._clock()),
            "generation": 1,
        }
        if resource == PODS:
            new["spec"] = {"restartPolicy": "Always", "terminationGracePeriodSeconds": DEFAULT_GRACE_SECONDS} | new[
                "spec"
            ]
            new["status"] = {"phase": "Pending"}
        new = self._admit(resource, new, None)
        if resource == PODS:
            self._check_quotas(new)
        created = self._write("ADDED", key, new)
        self._collect(key)
        if resource == EVENTS:
            self._forget_old_events()
        return created

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Patch,
        *,
        resource_version: str | None = None,
        status: bool = False,
    ) -> Object:
        """Change all but the status, or the status only. Raises NotFound, Conflict, Invalid."""
        old = self.get(resource, namespace, name)
        if resource_version not in (None, old["metadata"]["resourceVersion"]):
            raise Conflict(validation.conflict_message(resource, name))
        patched = objects.from_wire(patches.apply(old, patch))
        self._check_preconditions(resource, old, patched)
        kept = patched if status else old
        new = {**(old if status else patched), "status": kept.get("status")}
        if new["status"] is None:
            del new["status"]
        if not status:
            new["metadata"] = self._metadata(old, patched)
            validation.check_labels(resource, new)
            if resource == PODS:
                validation.check_pod_change(old, new)
        new = self._admit(resource, new, old)
        if _content(new) != _content(old):
            new["metadata"] = new["metadata"] | {"generation": old["metadata"]["generation"] + 1}
        if new == old:
            return old  # an API server does not store, and nobody hears of, a write that changes nothing
        written = self._write("MODIFIED", Key(resource, namespace, name), new)
        metadata = written["metadata"]
        if metadata.get("deletionGracePeriodSeconds") == 0 and not metadata.get("finalizers"):
            self._remove(Key(resource, namespace, name))
        return written

    def bind(self, namespace: str, name: str, node: str, *, uid: str | None = None) -> Object:
        """Give the pod to a node (`pods/binding`): from now on it is deleted gracefully. Raises NotFound, Conflict."""
        old = self.get(PODS, namespace, name)
        if uid not in (None, old["metadata"]["uid"]):
            raise NotFound(f'pods "{name}" not found: another pod has this name now')
        if old["spec"].get("nodeName"):
            raise Conflict(f"pod {name} is already assigned to node {old['spec']['nodeName']!r}")
        scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": objects.timestamp(self._clock())}
        new = {
            **old,
            "spec": {**old["spec"], "nodeName": node},
            "status": {**old["status"], "conditions": [*old["status"].get("conditions", ()), scheduled]},
        }
        return self._write("MODIFIED", Key(PODS, namespace, name), new)

    def delete(self, resource: Resource, namespace: str, name: str, *, uid: str | None = None) -> None:
        """Begin to delete it. Raises NotFound, and Conflict if the UID is another's."""
        old = self.get(resource, namespace, name)
        if uid not in (None, old["metadata"]["uid"]):
            raise Conflict(
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['metadata']['uid']}"
            )
        self._delete(Key(resource, namespace, name), old)

    def finish(self, namespace: str, name: str, uid: str) -> None:
        """Remove a pod whose process has ended (the kubelet's deletion with no grace). Another UID is left alone."""
        old = self._objects[PODS].get(Key(PODS, namespace, name))
        if old is not None and old["metadata"]["uid"] == uid and not old["metadata"].get("finalizers"):
            self._remove(Key(PODS, namespace, name))

    def _delete(self, key: Key, old: Object) -> None:
        if "deletionTimestamp" in old["metadata"]:
            return
        grace = _grace_seconds(key.resource, old)
        if not grace and not old["metadata"].get("finalizers"):
            self._remove(key)
            return
        marks = {
            "deletionTimestamp": objects.timestamp(self._clock() + timedelta(seconds=grace)),
            "deletionGracePeriodSeconds": grace,
        }
        self._write("MODIFIED", key, {**old, "metadata": old["metadata"] | marks})

    def _remove(self, key: Key) -> None:
        old = self._objects[key.resource][key]
        self._write("DELETED", key, old)
        for dependent in self._owners.remove(key, old):
            self._collect(dependent)

    def _collect(self, key: Key) -> None:
        """The garbage collector: delete it if it has owners and all of them are gone."""
        manifest = self._objects[key.resource].get(key)
        if manifest is not None and self._owners.abandoned(manifest):
            self._delete(key, manifest)

    def _write(self, kind: Literal["ADDED", "MODIFIED", "DELETED"], key: Key, manifest: Object) -> Object:
        self.resource_version += 1
        metadata = manifest["metadata"] | {"resourceVersion": str(self.resource_version)}
        written = {**manifest, "metadata": metadata}
        change = Change(kind, key.resource, written)
        self.journal(change)
        if kind == "DELETED":
            del self._objects[key.resource][key]
        else:
            self._owners.put(key, self._objects[key.resource].get(key), written)
            self._objects[key.resource][key] = written
        for listener in self.listeners:
            listener(change)
        if key.resource in (PODS, QUOTAS):
            self._refresh_quotas(key.namespace)
        return written

    def _metadata(self, old: Object, patched: Object) -> Object:
        """What was patched, save for what only the server writes."""
        kept = {name: old["metadata"][name] for name in _SERVER_FIELDS if name in old["metadata"]}
        return {k: v for k, v in patched["metadata"].items() if k not in _SERVER_FIELDS} | kept

    def _check_preconditions(self, resource: Resource, old: Object, patched: Object) -> None:
        if not isinstance(patched.get("metadata"), dict):
            raise Invalid(f'{resource.kind} "{old["metadata"]["name"]}" is invalid: metadata: Required value')
        for field in ("resourceVersion", "uid"):
            wanted = patched["metadata"].get(field)
            if wanted and wanted != old["metadata"][field]:
                raise Conflict(validation.conflict_message(resource, old["metadata"]["name"]))

    def _check_quotas(self, pod: Object) -> None:
        namespace = pod["metadata"]["namespace"]
        for limit in self.list(QUOTAS, namespace, None):
            refusal = quota.refusal(pod, limit, self.list(PODS, namespace, None))
            if refusal is not None:
                raise QuotaExceeded(refusal)

    def _refresh_quotas(self, namespace: str) -> None:
        for limit in self.list(QUOTAS, namespace, None):
            status = quota.status(limit, self.list(PODS, namespace, None))
            if status != limit.get("status"):
                self._write("MODIFIED", objects.key_of(QUOTAS, limit), {**limit, "status": status})

    def _forget_old_events(self) -> None:
        """An API server forgets Events after an hour; here the newest thousand are kept."""
        surplus = len(self._objects[EVENTS]) - _KEPT_EVENTS
        for key in list(itertools.islice(self._objects[EVENTS], max(surplus, 0))):
            self._remove(key)


def _grace_seconds(resource: Resource, manifest: Object) -> int:
    """How long its deletion may take: pods that no node has, or that have ended, go at once, as all else does."""
    if resource != PODS or quota.terminal(manifest) or not manifest["spec"].get("nodeName"):
        return 0
    return int(manifest["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS))


def _content(manifest: Object) -> Object:
    """What a generation counts the changes of."""
    return {name: value for name, value in manifest.items() if name not in ("metadata", "status")}
