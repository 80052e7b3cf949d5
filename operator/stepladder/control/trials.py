"""The trial reconciler: reads a trial and its pods, decides (`segments.decide`), writes."""

import asyncio
import dataclasses
import logging
from collections import defaultdict
from collections.abc import Iterator

from stepladder.api.conditions import ConditionType, find, is_true
from stepladder.api.study import FailurePolicy, TuningStudySpec
from stepladder.api.trial import Attempt, EndReason, Outcome, TrialSpec, TrialStatus
from stepladder.control.cache import Cache, Key, key_of
from stepladder.control.clock import Clock, seconds_between, to_wire
from stepladder.control.events import EventRecorder, Happening
from stepladder.control.ownership import owns
from stepladder.control.pod_builder import Carrier, build_pod, pod_name
from stepladder.control.pod_view import gpus_of, pod_view
from stepladder.control.quota import shortage
from stepladder.control.scraping import Scraper, target_of
from stepladder.control.segment_end import SegmentEnd
from stepladder.control.segments import ORDINARY, Decision, PodView, Situation, Stage, decide
from stepladder.control.store import (
    PODS,
    QUOTAS,
    STUDIES,
    TRIALS,
    AlreadyExists,
    Forbidden,
    Invalid,
    NotFound,
    Object,
    QuotaExceeded,
)
from stepladder.control.trial_status import describe
from stepladder.control.writes import Writer

logger = logging.getLogger(__name__)

# A trial's status is written when something happens to it; what is merely newer may wait this long.
ROUTINE_WRITE_SECONDS = 30.0
REFUSED_RETRY_SECONDS = 30.0
NAME_TAKEN_RETRY_SECONDS = 1.0  # by a pod of another trial of the same name that is on its way out


class TrialReconciler:
    """Level-triggered: whatever happened, the next step follows from what is there now."""

    def __init__(self, cache: Cache, writer: Writer, scraper: Scraper, events: EventRecorder, clock: Clock) -> None:
        self._cache = cache
        self._writer = writer
        self._scraper = scraper
        self._events = events
        self._clock = clock
        # Creates against one namespace's quota go one by one: in a burst the quota's own bookkeeping conflicts.
        self._creating: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._last_write: dict[str, str] = {}
        self._waiting: defaultdict[str, dict[Key, None]] = defaultdict(dict)  # for quota, by namespace, in order

    async def reconcile(self, key: Key) -> float | None:
        """One pass; the seconds after which another is due, if any. Raises StoreError to be retried."""
        self._waiting[key.namespace].pop(key, None)
        trial = self._cache.get(key)
        if trial is None or "deletionTimestamp" in trial["metadata"]:
            self._scraper.forget(key)
            return None
        carrier, policy = self._carrier(trial)
        if carrier is None:
            return None
        situation = await self._situation(trial, carrier, policy)
        decision = decide(situation)
        short = self._shortage(trial, carrier) if decision.create is not None else ""
        if short:
            self._waiting[key.namespace][key] = None
        trial = await self._write_status(trial, situation, decision, short)
        for name in decision.interrupt:
            # Not deleted: a deleted pod takes its result with it. This way the kubelet sends SIGTERM, and the pod
            # stays with its exit code and its last words until they are recorded.
            await self._writer.patch(Key(PODS, key.namespace, name), {"spec": {"activeDeadlineSeconds": 1}})
        for name in decision.delete:
            await self._writer.delete(Key(PODS, key.namespace, name))
        if decision.create is not None and not short:
            return await self._create_pod(trial, situation, carrier, decision.create)
        self._scraper.watch(key, target_of(self._cache, key, decision.status.pod, carrier))
        return decision.requeue_after

    def waiting_for_quota(self, namespace: str) -> tuple[Key, ...]:
        """The trials of a namespace to look at again when quota may be free."""
        return tuple(self._waiting[namespace])

    def _carrier(self, trial: Object) -> tuple[Carrier | None, FailurePolicy]:
        """Where the trial's pods come from: its study, or itself if it was applied by hand."""
        spec = TrialSpec.model_validate(trial["spec"])
        if spec.study is None:
            if spec.objective is None or spec.trainer is None:
                return None, FailurePolicy()
            return Carrier(trial, spec, spec.objective, spec.trainer), spec.failure_policy or FailurePolicy()
        study = self._cache.get(Key(STUDIES, trial["metadata"]["namespace"], spec.study))
        if study is None or not owns(study, trial):
            return None, FailurePolicy()  # the study is gone: the garbage collector comes for this trial
        parent = TuningStudySpec.model_validate(study["spec"])
        return Carrier(trial, spec, parent.objective, parent.trainer), parent.failure_policy

    async def _situation(self, trial: Object, carrier: Carrier, policy: FailurePolicy) -> Situation:
        meta = trial["metadata"]
        key = key_of(TRIALS, trial)
        status = TrialStatus.model_validate(trial.get("status", {}))
        pods = [p for p in self._cache.children(PODS, meta["namespace"], meta["name"]) if owns(trial, p)]
        views = [pod_view(p) for p in pods]
        if status.pod and not any(v.name == status.pod for v in views):
            views += await self._missing(trial, status.pod)
        return Situation(
            spec=carrier.spec,
            status=status,
            metric=carrier.objective.metric,
            direction=carrier.objective.direction,
            policy=policy,
            retention=carrier.trainer.pod_retention,
            pods=tuple(views),
            now=self._clock.now(),
            scraped=self._scraper.observations(key),
        )

    async def _missing(self, trial: Object, name: str) -> list[PodView]:
        """A pod that the status names and the cache lacks: ask the store before believing that it is gone."""
        namespace = trial["metadata"]["namespace"]
        try:
            pod = await self._writer.store.get(PODS, namespace, name)
        except NotFound:
            gone = self._cache.last_words(namespace, trial["metadata"]["name"])
            return [pod_view(p, exists=False) for p in gone if p["metadata"]["name"] == name and owns(trial, p)]
        self._cache.put(PODS, pod)
        return [pod_view(pod)]

    def _shortage(self, trial: Object, carrier: Carrier) -> str:
        namespace = trial["metadata"]["namespace"]
        quotas = [q for q in self._cache.all(QUOTAS) if q["metadata"]["namespace"] == namespace]
        pods = [p for p in self._cache.all(PODS) if p["metadata"]["namespace"] == namespace]
        return shortage(quotas, pods, gpus_of(carrier.trainer.template["spec"]))

    async def _write_status(self, trial: Object, situation: Situation, decision: Decision, short: str) -> Object:
        new = describe(situation, decision, quota_shortage=short, generation=trial["metadata"].get("generation", 0))
        if new == situation.status or _is_passing(new, situation.status) or self._is_routine(trial, situation, new):
            return trial
        written = await self._writer.replace_status(key_of(TRIALS, trial), new.wire(), base=trial)
        self._last_write[trial["metadata"]["uid"]] = to_wire(self._clock.now())
        for happening in _happenings(situation.status, new, decision.ended):
            await self._events.record(written, happening)
        return written

    def _is_routine(self, trial: Object, situation: Situation, new: TrialStatus) -> bool:
        """Whether only the curve has grown, and the last write is not long ago."""
        old = situation.status
        curve = {"observations": (), "last": None, "best": None}
        if old.model_copy(update=curve) != new.model_copy(update=curve):
            return False
        last = self._last_write.get(trial["metadata"]["uid"])
        return last is not None and seconds_between(last, to_wire(self._clock.now())) < ROUTINE_WRITE_SECONDS

    async def _create_pod(self, trial: Object, situation: Situation, carrier: Carrier, attempt: int) -> float | None:
        key = key_of(TRIALS, trial)
        name = pod_name(key.name, attempt)
        async with self._creating[key.namespace]:
            # Creating a name that exists upsets the quota's accounting, so it is looked up first.
            try:
                self._cache.put(PODS, await self._writer.store.get(PODS, key.namespace, name))
            except NotFound:
                try:
                    await self._writer.create(PODS, build_pod(carrier, attempt))
                except AlreadyExists:
                    return NAME_TAKEN_RETRY_SECONDS
                except QuotaExceeded as error:
                    self._waiting[key.namespace][key] = None
                    await self._wait(trial, situation, attempt, str(error))
                    return None
                except Forbidden as error:
                    await self._wait(trial, situation, attempt, f"the API server refuses the pod: {error}")
                    return REFUSED_RETRY_SECONDS
                except Invalid as error:
                    refused = dataclasses.replace(situation, pods=(*situation.pods, _never_made(name, attempt, error)))
                    await self._write_status(trial, refused, decide(refused), "")
                    return None
        return None

    async def _wait(self, trial: Object, situation: Situation, attempt: int, why: str) -> None:
        decision = Decision(status=decide(situation).status, create=attempt)
        await self._write_status(trial, situation, decision, why)


def _is_passing(new: TrialStatus, old: TrialStatus) -> bool:
    """Whether the new status tells only of a pod that is about to be made, or starts as pods do: soon it will run."""
    progressing = find(new.conditions, ConditionType.PROGRESSING)
    waited = is_true(old.conditions, ConditionType.QUOTA_EXCEEDED)
    waits = is_true(new.conditions, ConditionType.QUOTA_EXCEEDED)
    quiet = progressing is not None and not progressing.message and new.phase in ("Pending", "Starting")
    return quiet and new.attempt_count == old.attempt_count and waited == waits


def _never_made(name: str, attempt: int, error: Invalid) -> PodView:
    """A pod that the API server will never take, as an attempt that has ended."""
    end = SegmentEnd(EndReason.CONFIGURATION_ERROR, message=f"trainer.template makes no valid pod: {error}")
    return PodView(name=name, attempt=attempt, target_steps=0, stage=Stage.ENDED, end=end, exists=False)


def _happenings(old: TrialStatus, new: TrialStatus, ended: tuple[Attempt, ...]) -> Iterator[Happening]:
    """What a status write says that people want to be told."""
    if is_true(new.conditions, ConditionType.QUOTA_EXCEEDED) and not is_true(
        old.conditions, ConditionType.QUOTA_EXCEEDED
    ):
        message = next(c.message for c in new.conditions if c.type == ConditionType.QUOTA_EXCEEDED)
        yield Happening("QuotaExceeded", message, warning=True)
    for attempt in ended:
        if attempt.reason not in ORDINARY:
            yield Happening(attempt.reason.value, f"{attempt.pod}: {attempt.message}", warning=True)
    if new.outcome is Outcome.FAILED and old.outcome is None:
        yield Happening("TrialFailed", new.attempts[-1].message if new.attempts else "", warning=True)
