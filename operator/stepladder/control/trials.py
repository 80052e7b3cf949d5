"""The trial reconciler: reads a trial and its pods, decides (`segments.decide`), writes."""

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta

from stepladder.api.conditions import ConditionType, find
from stepladder.api.study import FailurePolicy
from stepladder.api.trial import Attempt, Desired, EndReason, Outcome, TrialSpec, TrialStatus
from stepladder.control import rendezvous
from stepladder.control.cache import Cache, Key, key_of
from stepladder.control.clock import Clock, seconds_between, to_wire
from stepladder.control.events import EventRecorder, Happening
from stepladder.control.gpus import gpus_of_trial
from stepladder.control.ownership import owns
from stepladder.control.pod_builder import Carrier, pod_name, template_digest
from stepladder.control.pod_group import PodView, Stage
from stepladder.control.pod_maker import PodMaker
from stepladder.control.pod_view import pod_view
from stepladder.control.quota_queue import QuotaQueue
from stepladder.control.scraping import Scraper, target_of
from stepladder.control.segment_end import INTERRUPTION_SECONDS, SegmentEnd
from stepladder.control.segments import ORDINARY, Admission, Decision, decide
from stepladder.control.situation import Situation
from stepladder.control.specs import Specs
from stepladder.control.store import PODS, STUDIES, TRIALS, Object
from stepladder.control.trial_status import Hindrance, describe, hindrance
from stepladder.control.writes import Writer

# A trial's status is written when something happens to it; what is merely newer may wait this long.
ROUTINE_WRITE_SECONDS = 30.0


class TrialReconciler:
    """Level-triggered: whatever happened, the next step follows from what is there now."""

    def __init__(
        self,
        cache: Cache,
        writer: Writer,
        specs: Specs,
        quota: QuotaQueue,
        scraper: Scraper,
        events: EventRecorder,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._writer = writer
        self._specs = specs
        self._quota = quota
        self._pods = PodMaker(writer)
        self._scraper = scraper
        self._events = events
        self._clock = clock
        self._last_write: dict[Key, str] = {}
        self._retry_at: dict[Key, datetime] = {}  # of groups: what is made and taken back wakes all that wait

    async def reconcile(self, key: Key) -> float | None:
        """One pass; the seconds after which another is due, if any. Raises StoreError to be retried."""
        trial = self._cache.get(key)
        if trial is None or "deletionTimestamp" in trial["metadata"]:
            self._quota.leave(key, with_pod=False)
            self._scraper.forget(key)
            self._last_write.pop(key, None)
            self._retry_at.pop(key, None)
            return None
        carrier, policy = self._carrier(trial)
        if carrier is None:
            return None
        situation = await self._situation(trial, carrier, policy)
        decision = decide(situation)
        short, obstacle = self._obstacle(key, carrier, situation, decision)
        trial, wait = await self._write_status(trial, situation, decision, obstacle)
        for name in decision.interrupt:
            # Not deleted: a deleted pod takes its result with it. This way the kubelet sends SIGTERM, and the pod
            # stays with its exit code and its last words until they are recorded.
            deadline = {"spec": {"activeDeadlineSeconds": INTERRUPTION_SECONDS}}
            await self._writer.patch(Key(PODS, key.namespace, name), deadline)
        for name in decision.delete:
            await self._writer.delete(Key(PODS, key.namespace, name))
        if decision.status.outcome is None and carrier.spec.probe is None:
            self._scraper.watch(key, target_of(self._cache, key, decision.status.pod, carrier))
        else:
            self._scraper.forget(key)
        for admitted in decision.admit:
            await self._admit(Key(PODS, key.namespace, admitted.pod), admitted)
        if decision.create is not None and not short:
            return await self._make_pods(trial, situation, carrier, decision.create)
        rest = self._rest(key) if decision.create is not None else None
        return min((s for s in (decision.requeue_after, wait, rest) if s is not None), default=None)

    def _rest(self, key: Key) -> float | None:
        """Seconds until its pods may be tried again; None if they may be now."""
        left = (self._retry_at[key] - self._clock.now()).total_seconds() if key in self._retry_at else 0
        return left if left > 0 else None

    def _carrier(self, trial: Object) -> tuple[Carrier | None, FailurePolicy]:
        """Where the trial's pods come from: its study, or itself if it was applied by hand."""
        spec = TrialSpec.model_validate(trial["spec"])
        if spec.study is None:
            if spec.objective is None or spec.trainer is None:
                return None, FailurePolicy()
            return Carrier(trial, spec, spec.objective, spec.trainer), spec.failure_policy or FailurePolicy()
        study = self._cache.get(Key(STUDIES, trial["metadata"]["namespace"], spec.study))
        parent = self._specs.of(study).spec if study is not None and owns(study, trial) else None
        if parent is None:
            # The study is gone, and the garbage collector comes for this trial; or its spec cannot be read, and it
            # goes on when that is mended.
            return None, FailurePolicy()
        return Carrier(trial, spec, parent.objective, parent.trainer), parent.failure_policy

    async def _situation(self, trial: Object, carrier: Carrier, policy: FailurePolicy) -> Situation:
        meta = trial["metadata"]
        status = TrialStatus.model_validate(trial.get("status", {}))
        pods = [p for p in self._cache.children(PODS, meta["namespace"], meta["name"]) if owns(trial, p)]
        views = [pod_view(p) for p in pods]
        attempt = status.attempt_count + 1
        there = [v for v in views if v.attempt == attempt]
        expected = bool(there) or status.pod == pod_name(meta["name"], attempt)
        for rank in range(max((v.nodes for v in there), default=carrier.trainer.nodes)):
            if not any(v.rank == rank for v in there):
                following = Key(PODS, meta["namespace"], pod_name(meta["name"], attempt, rank))
                views += await self._missing(trial, following, expected=expected)
        return Situation(
            spec=carrier.spec,
            status=status,
            metric=carrier.objective.metric,
            direction=carrier.objective.direction,
            policy=policy,
            retention=carrier.trainer.pod_retention,
            pods=tuple(views),
            now=self._clock.now(),
            template=template_digest(carrier.trainer),
            scraped=self._scraper.observations(key_of(TRIALS, trial)),
        )

    async def _missing(self, trial: Object, pod: Key, *, expected: bool) -> list[PodView]:
        """A pod of an attempt that is not recorded, if it is not in the cache.

        One that must be there is asked for before it is believed to be gone; one that is gone may have left words.
        """
        found = await self._writer.refresh(pod) if expected else None
        if found is not None and owns(trial, found):
            return [pod_view(found)]
        gone = self._cache.last_words(pod)
        return [pod_view(gone, exists=False)] if gone is not None and owns(trial, gone) else []

    def _obstacle(
        self, key: Key, carrier: Carrier, situation: Situation, decision: Decision
    ) -> tuple[bool, Hindrance | None]:
        """Whether the pods that are to be made have to wait, and what the status has to say of it."""
        if decision.create is None:
            self._quota.leave(key, with_pod=decision.status.pod is not None)
            return False, None
        # What hindered it last time stays true until the pod is there: else the status would turn with every attempt.
        told = hindrance(situation.status)
        if self._rest(key) is not None:
            return True, told
        in_vain = self._quota.in_vain(key)
        self._quota.join(key, gpus_of_trial(carrier.trainer))
        if (short := self._no_room(key, carrier)) is not None:
            return True, short if short.message else told
        return (True, Hindrance(in_vain, quota=True)) if in_vain else (False, told)

    def _no_room(self, key: Key, carrier: Carrier) -> Hindrance | None:
        """What the trial's pods have to wait for, as far as we can tell: quota for all of them, and their turn."""
        if short := self._quota.shortage(key, gpus_of_trial(carrier.trainer)):
            return Hindrance(short, quota=True)
        return self._quota.turn(key) if carrier.trainer.nodes > 1 else None

    async def _write_status(
        self, trial: Object, situation: Situation, decision: Decision, obstacle: Hindrance | None
    ) -> tuple[Object, float | None]:
        """Write the status if it says something new; the trial as it is then, and the seconds that this may wait."""
        key, old = key_of(TRIALS, trial), situation.status
        new = describe(situation, decision, generation=trial["metadata"].get("generation", 0), hindrance=obstacle)
        # Rank 0 of a group runs while others start: what holds GPUs takes its place.
        begun = any(p.name == new.pod and p.stage is Stage.RUNNING for p in situation.pods)
        if new == old or (situation.spec.desired is Desired.RUN and not begun and _is_passing(new, old)):
            return trial, None
        waited = seconds_between(self._last_write.get(key), to_wire(self._clock.now()))
        if _gist(new) == _gist(old) and key in self._last_write and waited < ROUTINE_WRITE_SECONDS:
            return trial, ROUTINE_WRITE_SECONDS - waited
        written = await self._writer.replace_status(key, new.wire(), base=trial)
        self._last_write[key] = to_wire(self._clock.now())
        for happening in _happenings(old, new, decision.ended, obstacle):
            await self._events.record(written, happening)
        return written, None

    async def _admit(self, key: Key, admitted: Admission) -> None:
        """Let a pod start that has waited for rank 0's address."""
        pod = self._cache.get(key)
        if pod is not None:
            patch = rendezvous.admission(pod, admitted.address, admitted.port)
            await self._writer.patch(key, patch, base=pod)

    async def _make_pods(self, trial: Object, situation: Situation, carrier: Carrier, attempt: int) -> float | None:
        key = key_of(TRIALS, trial)
        made = await self._pods.make(carrier, attempt, lambda: self._no_room(key, carrier))
        wait: float | None = None
        if carrier.trainer.nodes > 1 and made.retry_after is not None:
            self._retry_at[key] = self._clock.now() + timedelta(seconds=made.retry_after)
        situation = dataclasses.replace(situation, status=TrialStatus.model_validate(trial.get("status", {})))
        if made.hindrance is not None:
            if made.refused:
                self._quota.refused(key, made.hindrance.message)
            _, wait = await self._write_status(trial, situation, decide(situation), made.hindrance)
        elif made.never:
            refused = dataclasses.replace(situation, pods=(*situation.pods, _never_made(key, attempt, made.never)))
            await self._write_status(trial, refused, decide(refused), None)
        if made.hindrance is None or not made.hindrance.waits or made.retry_after is not None:
            self._quota.leave(key, with_pod=made.pod)
        return min((s for s in (made.retry_after, wait) if s is not None), default=None)


def _is_passing(new: TrialStatus, old: TrialStatus) -> bool:
    """Whether the new status tells only of a pod that is about to be made, or starts as pods do: soon it will run."""
    progressing = find(new.conditions, ConditionType.PROGRESSING)
    quiet = progressing is not None and not progressing.message and new.phase in ("Pending", "Starting")
    return quiet and new.attempt_count == old.attempt_count and hindrance(old) is None


def _gist(status: TrialStatus) -> TrialStatus:
    """The status without what may be told later: how the curve grows, and the wording of what is known already."""
    conditions = tuple(c.model_copy(update={"message": ""}) for c in status.conditions)
    return status.model_copy(update={"observations": (), "last": None, "best": None, "conditions": conditions})


def _never_made(trial: Key, attempt: int, why: str) -> PodView:
    """A pod that the API server will never take, as an attempt that has ended."""
    end = SegmentEnd(EndReason.CONFIGURATION_ERROR, message=why)
    name = pod_name(trial.name, attempt)
    return PodView(name=name, attempt=attempt, target_steps=0, stage=Stage.ENDED, end=end, exists=False)


def _happenings(
    old: TrialStatus, new: TrialStatus, ended: tuple[Attempt, ...], obstacle: Hindrance | None
) -> Iterator[Happening]:
    """What a status write says that people want to be told."""
    if obstacle is not None and obstacle.message and obstacle != hindrance(old):
        yield Happening(obstacle.event, obstacle.message, warning=True)
    failed = new.outcome is Outcome.FAILED and old.outcome is None
    for attempt in ended[:-1] if failed else ended:
        if attempt.reason not in ORDINARY:
            yield Happening(attempt.reason.value, f"{attempt.pod}: {attempt.message}", warning=True)
    if failed and new.attempts:
        last = new.attempts[-1]
        yield Happening("TrialFailed", f"{last.reason.value}: {last.message}", warning=True)
