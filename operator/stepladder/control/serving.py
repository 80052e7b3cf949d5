"""Keeps a study's Deployment and Service as `serving_plan` wants them."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from stepladder.api.study import TuningStudySpec, TuningStudyStatus
from stepladder.control import quota
from stepladder.control.cache import Cache, Key, key_of
from stepladder.control.clock import Clock
from stepladder.control.ownership import owns
from stepladder.control.serving_plan import Action, Create, Said, Update, name_taken, plan_serving
from stepladder.control.store import (
    DEPLOYMENTS,
    SERVICES,
    STUDIES,
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Object,
    QuotaExceeded,
    Resource,
    StoreError,
)
from stepladder.control.writes import Writer

RETRY_SECONDS: Final = 30.0


class _Rest(NamedTuple):
    """What has failed, and until when it is not tried again for this generation of the study."""

    generation: int
    until: datetime
    said: Said


class Serving:
    """Level-triggered, as all else: what was deleted is made again, what was made from something else is changed."""

    def __init__(self, cache: Cache, writer: Writer, clock: Clock) -> None:
        self._cache = cache
        self._writer = writer
        self._clock = clock
        self._rests: dict[Key, _Rest] = {}  # a refusal's words may differ each time, and its status wakes the study

    async def keep(
        self, study: Object, spec: TuningStudySpec, status: TuningStudyStatus
    ) -> tuple[Said | None, float | None]:
        """What is to be said of it, and the seconds after which to look again. Raises Conflict or NotFound where what
        is known is old."""
        key, generation, now = key_of(STUDIES, study), study["metadata"].get("generation", 0), self._clock.now()
        rest = self._rests.get(key)
        if rest is not None and rest.generation == generation and now < rest.until:
            return rest.said, (rest.until - now).total_seconds()
        self.forget(key)
        try:
            said = await self._bring_about(study, spec, status)
        except (Conflict, NotFound):
            raise
        except StoreError as error:
            why = quota.refusal(str(error))
            if isinstance(error, Forbidden | Invalid | QuotaExceeded):
                said = Said("False", "Refused", f"the API server refuses what would serve the model: {why}")
            else:
                message = f"what serves the model cannot be written now, and is tried again: {why}"
                said = Said("Unknown", "Retrying", message, status.serving)
            self._rests[key] = _Rest(generation, now + timedelta(seconds=RETRY_SECONDS), said)
            return said, RETRY_SECONDS
        taken = said is not None and said.reason == "NameTaken"
        return said, RETRY_SECONDS if taken else None

    def forget(self, study: Key) -> None:
        """Try again what has failed for it."""
        self._rests.pop(study, None)

    async def _bring_about(self, study: Object, spec: TuningStudySpec, status: TuningStudyStatus) -> Said | None:
        anew = spec.serve is not None and status.completion_time is not None
        planned = plan_serving(study, spec, status, await self._found(study, anew=anew))
        for action in planned.actions:
            if (taken := await self._carry_out(study, action)) is not None:
                return taken
        if planned.actions:
            planned = plan_serving(study, spec, status, await self._found(study, anew=anew))
        return planned.said

    async def _carry_out(self, study: Object, action: Action) -> Said | None:
        match action:
            case Create(resource, manifest):
                try:
                    await self._writer.create(resource, manifest)
                except AlreadyExists:
                    found = await self._writer.refresh(key_of(resource, manifest))
                    if found is not None and not owns(study, found):
                        return name_taken(resource, manifest["metadata"]["name"])
            case Update(key, base, patch):
                await self._writer.patch(key, patch, base=base)
            case _:
                await self._writer.delete(action.key)
        return None

    async def _found(self, study: Object, *, anew: bool) -> dict[Resource, Object | None]:
        """What has the study's name. The watch knows only what has our labels: others are looked at anew where they are
        in the way."""
        meta = study["metadata"]
        found: dict[Resource, Object | None] = {}
        for resource in (DEPLOYMENTS, SERVICES):
            key = Key(resource, meta["namespace"], meta["name"])
            item = self._cache.get(key)
            foreign = anew and item is not None and not owns(study, item)
            found[resource] = await self._writer.refresh(key) if foreign else item
        return found
