"""What to do with a trial: from its spec, its status and its pods to a new status and at most one attempt to make.

A trial runs in segments: from a checkpoint to `targetSteps` is one attempt, carried by one pod, or by a group of them
that begins and ends together. Attempt n+1 exists only once attempt n is recorded in the status, so at most one group of
a trial lives, and a crash between any two writes is picked up again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stepladder.api.study import PodRetention
from stepladder.api.trial import Attempt, Desired, EndReason, Outcome, TrialSpec, TrialStatus
from stepladder.control.clock import from_wire
from stepladder.control.pod_group import PodGroup, PodView, Stage, grouped
from stepladder.control.recording import record, with_observations
from stepladder.control.segment_end import MESSAGE_LIMIT, SegmentEnd
from stepladder.control.situation import Situation

ATTEMPTS_KEPT: Final = 16

# Ends whose pods are not worth keeping for their logs.
ORDINARY: Final = frozenset({EndReason.COMPLETED, EndReason.INTERRUPTED, EndReason.DISRUPTED})


@dataclass(frozen=True)
class Admission:
    """A pod that may start, now that rank 0 can be found."""

    pod: str
    address: str
    port: str


@dataclass(frozen=True)
class Decision:
    """What to do, in this order: write the status, interrupt, delete, admit, create."""

    status: TrialStatus
    interrupt: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    admit: tuple[Admission, ...] = ()
    create: int | None = None  # the attempt to make pods for
    requeue_after: float | None = None
    ended: tuple[Attempt, ...] = ()  # attempts recorded just now


def decide(situation: Situation) -> Decision:
    """The whole policy of a trial."""
    spec, status = situation.spec, situation.status
    status = with_observations(status, situation.scraped, spec, situation.direction)
    groups = grouped(situation.pods)
    status, ended = _record_ends(situation, status, groups)
    live = [g for g in groups if g.attempt > status.attempt_count and g.alive]
    overdue = _overdue(situation, live)
    if overdue is not None:
        status, attempt = record(situation, status, overdue, _deadline_passed(overdue))
        ended, live = (*ended, attempt), []

    wanted = status.outcome is None and spec.desired is Desired.RUN
    if status.outcome is None and spec.desired is Desired.STOP and not live:
        status = status.model_copy(update={"outcome": spec.stop_reason or Outcome.STOPPED})
    ending = [g for g in live if not wanted or g.fails(situation.now) or _outdated(situation, g)]
    last = [p for g in ending for p in g.alive if not p.deleting]
    interrupt = [p.name for p in last if p.stage is Stage.RUNNING and not p.interrupted]
    interrupt += [p.name for p in situation.pods if p.exists and p.lingers and not (p.interrupted or p.deleting)]
    delete = [p.name for p in last if p.stage is Stage.WAITING]
    delete += [p.name for p in situation.pods if p.exists and not p.deleting and _disposable(situation, status, p)]

    create, requeue = None, None
    if wanted and not live and not reached(spec, status):
        wait = _seconds_until(status.retry_not_before, situation.now)
        create, requeue = (status.attempt_count + 1, None) if wait <= 0 else (None, wait)
    due = [_deadline_left(situation, p) for g in live for p in g.waiting if not p.deleting]
    due += [left for g in live if (left := g.farewell(situation.now))]
    group = live[0] if live else None
    pod = group.leader if group and group.leader.exists else None
    status = status.model_copy(
        update={
            "pod": pod.name if pod else status.pod if group else None,
            "node": pod.node if pod and pod.node else status.node,
            "attempts": status.attempts[-ATTEMPTS_KEPT:],
        }
    )
    return Decision(
        status=status,
        interrupt=tuple(name for name in interrupt if name not in delete),
        delete=tuple(dict.fromkeys(delete)),
        admit=tuple(a for g in live if g not in ending for a in _admissions(g)),
        create=create,
        requeue_after=min(due, default=requeue),
        ended=tuple(ended),
    )


def reached(spec: TrialSpec, status: TrialStatus) -> bool:
    """Whether the objective is known at the trial's target."""
    return any(o.step == spec.target_steps for o in status.observations)


def _record_ends(
    situation: Situation, status: TrialStatus, groups: Iterable[PodGroup]
) -> tuple[TrialStatus, tuple[Attempt, ...]]:
    """Take in every ended attempt that is not in the status yet, and one whose pods are gone without a trace."""
    ended: list[Attempt] = []
    for group in groups:
        if group.attempt > status.attempt_count and group.end is not None:
            status, attempt = record(situation, status, group, group.end)
            ended.append(attempt)
    if status.pod and not any(g.name == status.pod and (g.alive or g.end is not None) for g in groups):
        lost = PodView(name=status.pod, attempt=status.attempt_count + 1, target_steps=0, stage=Stage.ENDED)
        end = SegmentEnd(reason=EndReason.DISRUPTED, message="the pod was deleted before its result could be read")
        status, attempt = record(situation, status, PodGroup((lost,)), end)
        ended.append(attempt)
    return status, tuple(ended)


def _admissions(group: PodGroup) -> Iterable[Admission]:
    """Those of the group that wait for rank 0's address, once it has one."""
    leader = group.leader
    if leader.address and leader.lives:
        for pod in group.waiting:
            if pod.gated and not pod.deleting:
                yield Admission(pod.name, leader.address, leader.port)


def _outdated(situation: Situation, group: PodGroup) -> bool:
    """Whether a pod that has not started was made from a template that somebody has corrected since."""
    return any(pod.template and pod.template != situation.template for pod in group.waiting)


def _disposable(situation: Situation, status: TrialStatus, pod: PodView) -> bool:
    """Whether a recorded pod may go: by the study's policy, and always if it was given up before it ended."""
    if pod.attempt > status.attempt_count:
        return False
    if pod.end is None:
        return True
    if situation.retention is PodRetention.ALL:
        return False
    # As it is recorded: an exit with 0 that left no value of the metric has failed, and its log is wanted.
    reason = next((a.reason for a in status.attempts if a.number == pod.attempt), pod.end.reason)
    return situation.retention is PodRetention.NONE or reason in ORDINARY


def _overdue(situation: Situation, live: list[PodGroup]) -> PodGroup | None:
    """An attempt, a pod of which has waited longer than the study allows."""
    late = (g for g in live for p in g.waiting if not p.deleting and _deadline_left(situation, p) <= 0)
    return next(late, None)


def _deadline_left(situation: Situation, pod: PodView) -> float:
    if pod.created_at is None:
        return float(situation.policy.pending_deadline_seconds)
    waited = (situation.now - from_wire(pod.created_at)).total_seconds()
    return situation.policy.pending_deadline_seconds - waited


def _deadline_passed(group: PodGroup) -> SegmentEnd:
    why = group.waiting_for or "it was never scheduled"
    return SegmentEnd(
        reason=EndReason.PENDING_DEADLINE,
        message=f"the pod did not start within failurePolicy.pendingDeadlineSeconds: {why}"[:MESSAGE_LIMIT],
    )


def _seconds_until(moment: str | None, now: datetime) -> float:
    return (from_wire(moment) - now).total_seconds() if moment else 0.0
