"""From a Trial's JSON to what the engine sees of it."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from stepladder.api import names
from stepladder.api.conditions import ConditionType, find, is_true
from stepladder.api.trial import Desired, Observation, Outcome, TrialSpec, TrialStatus
from stepladder.control.cache import Key, key_of
from stepladder.control.ownership import owns
from stepladder.control.segments import reached
from stepladder.control.store import STUDIES, TRIALS, Object
from stepladder.control.thinning import kept_steps
from stepladder.engine.observed import TrialView

Scraped = Callable[[Key], Iterable[Observation]]


class _Reading(NamedTuple):
    trial: Object
    view: TrialView | None  # None: not the study's, or on its way out


class TrialViews:
    """The views of each study's trials, each version of a trial read once: of thousands, one has changed."""

    def __init__(self, scraped: Scraped) -> None:
        """`scraped`: what was read of a trial's metrics, which its status may not hold yet."""
        self._scraped = scraped
        self._known: dict[Key, dict[int, _Reading]] = {}  # by study, and by where the object lies in memory

    def of(self, study: Object, labelled: Sequence[Object]) -> tuple[TrialView, ...]:
        """The views of the study's trials, by number, added ones last; of the objects that name it those that it owns,
        and that stay."""
        key = key_of(STUDIES, study)
        known = self._known.get(key, {})
        # An object in the cache never changes: another version is another object.
        places = [id(trial) >> 4 for trial in labelled]  # all are multiples of 16, which a dict spreads badly
        readings = [
            reading or _read(study, trial) for trial, reading in zip(labelled, map(known.get, places), strict=True)
        ]
        self._known[key] = dict(zip(places, readings, strict=True))
        views = [view for _, view in readings if view is not None]
        views.sort(key=attrgetter("added", "number", "name"))
        return tuple([self._with_scraped(key, view) if view.has_pod else view for view in views])

    def strangers(self, study: Key) -> list[Object]:
        """Of the objects that `of` was last given, those that are not the study's, or about to go."""
        return [trial for trial, view in self._known.get(study, {}).values() if view is None]

    def forget(self, study: Key) -> None:
        """Drop a study that is gone."""
        self._known.pop(study, None)

    def _with_scraped(self, study: Key, view: TrialView) -> TrialView:
        # What counts in the end is what the status holds: the same after a restart, which knows no scrapes.
        scraped = self._scraped(Key(TRIALS, study.namespace, view.name))
        # A segment is over when its end is recorded, not when its last value is seen.
        curve = {o.step: o.value for o in scraped if o.step < view.target_steps and o.step not in view.results}
        kept = kept_steps([*curve, *view.results], view.horizon_steps)
        curve = {step: value for step, value in curve.items() if step in kept}
        return dataclasses.replace(view, results=curve | dict(view.results)) if curve else view


def _read(study: Object, trial: Object) -> _Reading:
    belongs = owns(study, trial) and "deletionTimestamp" not in trial["metadata"]
    return _Reading(trial, trial_view(trial) if belongs else None)


def trial_view(trial: Object) -> TrialView:
    """What the engine sees of a Trial."""
    spec = TrialSpec.model_validate(trial["spec"])
    status = TrialStatus.model_validate(trial.get("status", {}))
    return TrialView(
        name=trial["metadata"]["name"],
        number=spec.number,
        round=spec.round,
        bracket=spec.bracket,
        configuration=spec.configuration,
        repeat=spec.repeat,
        parameters=spec.parameters,
        target_steps=spec.target_steps,
        horizon_steps=spec.horizon_steps,
        desired=spec.desired,
        outcome=status.outcome,
        stopping=(spec.stop_reason or Outcome.STOPPED) if spec.desired is Desired.STOP else None,
        steps=status.steps,
        results={o.step: o.value for o in status.observations},
        best=status.best,
        has_pod=status.pod is not None,
        waits_for_quota=is_true(status.conditions, ConditionType.QUOTA_EXCEEDED),
        trained_steps=status.trained_steps,
        gpu_seconds=status.gpu_seconds,
        trouble=_trouble(status),
        verdict=status.verdict,
        added=names.ADDED_LABEL in trial["metadata"].get("labels", {}),
    )


def over(trial: Object) -> bool:
    """Whether nothing more will happen to a trial that nobody promotes."""
    spec, status = TrialSpec.model_validate(trial["spec"]), TrialStatus.model_validate(trial.get("status") or {})
    return status.outcome is not None or (reached(spec, status) and status.pod is None)


def _trouble(status: TrialStatus) -> str:
    if status.outcome is Outcome.FAILED:
        return status.attempts[-1].message if status.attempts else ""
    progressing = find(status.conditions, ConditionType.PROGRESSING)
    stuck = status.phase in ("Pending", "Starting", "BackingOff")
    return progressing.message if stuck and progressing is not None else ""
