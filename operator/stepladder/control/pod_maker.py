"""Makes a trial's next pod, and tells what keeps it from being made."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stepladder.control import quota
from stepladder.control.cache import Key, key_of
from stepladder.control.ownership import owns
from stepladder.control.pod_builder import Carrier, build_pod
from stepladder.control.store import PODS, TRIALS, AlreadyExists, Forbidden, Invalid, Object, QuotaExceeded
from stepladder.control.trial_status import Hindrance
from stepladder.control.writes import Writer

REFUSED_RETRY_SECONDS: Final = 30.0
NAME_TAKEN_RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Made:
    """What came of it: a pod, unless there is a hindrance, a time to try again, or a reason never to."""

    hindrance: Hindrance | None = None
    refused: bool = False  # by the API server, for a quota
    retry_after: float | None = None
    never: str = ""  # why the API server will never take this pod

    @property
    def pod(self) -> bool:
        """Whether the pod is there now."""
        return self == Made()


class PodMaker:
    """Creates pods, of one namespace one by one: in a burst a quota's own bookkeeping conflicts."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._creating: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def make(self, carrier: Carrier, attempt: int, shortage: Callable[[], str]) -> Made:
        """Make the pod of this attempt, unless it is there or `shortage` of quota has a reason not to.

        Raises StoreError where what hinders may pass by itself.
        """
        manifest = build_pod(carrier, attempt)
        key = key_of(PODS, manifest)
        async with self._creating[key.namespace]:
            # Creating a name that exists upsets the quota's accounting, so it is looked up first.
            found = await self._writer.refresh(key)
            if found is not None:
                return _taken(carrier.trial, key, found)
            if short := shortage():  # others have been made while this one waited for its turn
                return Made(Hindrance(short, quota=True))
            try:
                await self._writer.create(PODS, manifest)
            except AlreadyExists:
                return Made(retry_after=NAME_TAKEN_RETRY_SECONDS)
            except QuotaExceeded as error:
                return Made(Hindrance(quota.refusal(str(error)), quota=True), refused=True)
            except Forbidden as error:
                return Made(Hindrance(f"the API server refuses the pod: {error}"), retry_after=REFUSED_RETRY_SECONDS)
            except Invalid as error:
                return Made(never=f"trainer.template makes no valid pod: {error}")
        return Made()


def _taken(trial: Object, key: Key, found: Object) -> Made:
    """The name is taken: by our own pod that the cache did not know, or by another's."""
    controllers = [r for r in found["metadata"].get("ownerReferences") or [] if r.get("controller")]
    # A pod of an earlier trial of this name goes with the garbage collector.
    passing = "deletionTimestamp" in found["metadata"] or any(r["kind"] == TRIALS.kind for r in controllers)
    if owns(trial, found) or passing:
        return Made(retry_after=NAME_TAKEN_RETRY_SECONDS)
    message = f"a pod named {key.name} exists that is not this trial's: delete it, and the trial goes on"
    return Made(Hindrance(message), retry_after=REFUSED_RETRY_SECONDS)
