"""Keeps a study's Deployment and Service as `serving_plan` wants them."""

from typing import Final

from stepladder.api.study import TuningStudySpec, TuningStudyStatus
from stepladder.control.cache import Cache, Key, key_of
from stepladder.control.ownership import owns
from stepladder.control.serving_plan import Action, Create, Said, Update, name_taken, plan_serving
from stepladder.control.store import (
    DEPLOYMENTS,
    SERVICES,
    AlreadyExists,
    Forbidden,
    Invalid,
    Object,
    QuotaExceeded,
    Resource,
)
from stepladder.control.writes import Writer

RETRY_SECONDS: Final = 30.0


class Serving:
    """Level-triggered, as all else: what was deleted is made again, what was made from something else is changed."""

    def __init__(self, cache: Cache, writer: Writer) -> None:
        self._cache = cache
        self._writer = writer

    async def keep(
        self, study: Object, spec: TuningStudySpec, status: TuningStudyStatus
    ) -> tuple[Said | None, float | None]:
        """What is to be said of it, and the seconds after which to look again. Raises StoreError to be retried."""
        planned = plan_serving(study, spec, status, await self._found(study))
        for action in planned.actions:
            try:
                refused = await self._carry_out(study, action)
            except (Forbidden, Invalid, QuotaExceeded) as error:
                refused = Said("False", "Refused", f"the API server refuses what would serve the model: {error}")
            if refused is not None:
                return refused, RETRY_SECONDS
        if planned.actions:
            planned = plan_serving(study, spec, status, await self._found(study))
        taken = planned.said is not None and planned.said.reason == "NameTaken"
        return planned.said, RETRY_SECONDS if taken else None

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

    async def _found(self, study: Object) -> dict[Resource, Object | None]:
        """What has the study's name. The watch knows only what has our labels: others are looked at anew."""
        meta = study["metadata"]
        found: dict[Resource, Object | None] = {}
        for resource in (DEPLOYMENTS, SERVICES):
            key = Key(resource, meta["namespace"], meta["name"])
            item = self._cache.get(key)
            found[resource] = await self._writer.refresh(key) if item is not None and not owns(study, item) else item
        return found
