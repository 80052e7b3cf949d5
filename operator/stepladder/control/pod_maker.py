"""Makes the pods of a trial's next attempt, and tells what keeps them from being made."""

import asyncio
import dataclasses
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
    """What came of it: all pods, unless there is a hindrance, a time to try again, or a reason never to."""

    hindrance: Hindrance | None = None
    refused: bool = False  # by the API server, for a quota
    retry_after: float | None = None
    never: str = ""  # why the API server will never take this pod

    @property
    def pod(self) -> bool:
        """Whether they are there now."""
        return self == Made()


class PodMaker:
    """Creates pods, of one namespace one by one: in a burst a quota's own bookkeeping conflicts."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._creating: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def make(self, carrier: Carrier, attempt: int, no_room: Callable[[], Hindrance | None]) -> Made:
        """Make the pods of this attempt, unless they are there or `no_room` has a reason not to.

        All or none: rank 0 comes last, and nothing runs without it; if one is refused, those before it go again, and
        that is not tried too often. Raises StoreError where what hinders may pass by itself; what is left behind then
        goes with the next decision.
        """
        manifests = [build_pod(carrier, attempt, rank) for rank in reversed(range(carrier.trainer.nodes))]
        keys = [key_of(PODS, manifest) for manifest in manifests]
        async with self._creating[keys[0].namespace]:
            for key in keys:
                # Creating a name that exists upsets the quota's accounting, so it is looked up first.
                found = await self._writer.refresh(key)
                if found is not None:
                    return _taken(carrier.trial, key, found)
            if (short := no_room()) is not None:  # others have been made while this one waited
                return Made(short)
            for place, manifest in enumerate(manifests):
                if (refused := await self._create(manifest)) is not None:
                    wait = None if refused.never else REFUSED_RETRY_SECONDS
                    for key in keys[:place]:
                        await self._writer.delete(key)
                    return dataclasses.replace(refused, refused=False, retry_after=wait) if place else refused
        return Made()

    async def _create(self, manifest: Object) -> Made | None:
        """Create a pod; what to make of it if that is refused."""
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
        return None


def _taken(trial: Object, key: Key, found: Object) -> Made:
    """The name is taken: by our own pod that the cache did not know, or by another's."""
    controllers = [r for r in found["metadata"].get("ownerReferences") or [] if r.get("controller")]
    # A pod of an earlier trial of this name goes with the garbage collector.
    passing = "deletionTimestamp" in found["metadata"] or any(r["kind"] == TRIALS.kind for r in controllers)
    if owns(trial, found) or passing:
        return Made(retry_after=NAME_TAKEN_RETRY_SECONDS)
    message = f"a pod named {key.name} exists that is not this trial's: delete it, and the trial goes on"
    return Made(Hindrance(message), retry_after=REFUSED_RETRY_SECONDS)
