"""Events for people: written only after the status they tell of, repeated ones counted instead of written anew."""

import hashlib
import logging
from dataclasses import dataclass

from stepladder.control.clock import Clock, to_wire
from stepladder.control.store import EVENTS, AlreadyExists, Object, ObjectStore, StoreError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Happening:
    """Something worth telling about an object."""

    reason: str
    message: str
    warning: bool = False


class EventRecorder:
    """Writes Events. Losing one is no harm, so a refused write is only logged."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def record(self, about: Object, happening: Happening) -> None:
        """Tell of a happening; the same one of the same object again only raises its count."""
        level = logging.WARNING if happening.warning else logging.INFO
        where = f"{about['kind']} {about['metadata']['namespace']}/{about['metadata']['name']}"
        logger.log(level, "%s: %s: %s", where, happening.reason, happening.message)
        meta, now = about["metadata"], to_wire(self._clock.now())
        key = f"{meta['uid']}/{happening.reason}/{happening.message}"
        name = f"{meta['name'][:200].rstrip('-.')}.{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}"
        event = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
            },
            "reason": happening.reason,
            "message": happening.message[:1024],
            "type": "Warning" if happening.warning else "Normal",
            "source": {"component": "stepladder"},
            "reportingComponent": "stepladder",
            "reportingInstance": "stepladder",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            try:
                await self._store.create(EVENTS, event)
            except AlreadyExists:
                known = await self._store.get(EVENTS, meta["namespace"], name)
                counted = {"count": known.get("count", 1) + 1, "lastTimestamp": now}
                await self._store.patch(EVENTS, meta["namespace"], name, counted)
        except StoreError as error:
            logger.warning(
                "event %s of %s/%s not written: %s", happening.reason, meta["namespace"], meta["name"], error
            )
