"""What to do with a trial: from its spec, its status and its pods to a new status and at most one attempt to make.

A trial runs in segments: from a checkpoint to `targetSteps` is one attempt, carried by one pod, or by a group of them
that begins and ends together. Attempt n+1 exists only once attempt n is recorded in the status, so at most one group of
a trial lives, and a crash between any two writes is picked up again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stepladder.api.probes import Probe
from stepladder.api.study import Direction, FailurePolicy, PodRetention
from stepladder.api.trial import (
    Attempt,
    Desired,
    EndReason,
    Observation,
    Outcome,
    TrialSpec,
    TrialStatus,
)
from stepladder.control.clock import from_wire, to_wire
from stepladder.control.pod_group import PodGroup, PodView, Stage, grouped
from stepladder.control.segment_end import MESSAGE_LIMIT, SegmentEnd
from stepladder.control.thinning import kept_steps

FIRST_RETRY_SECONDS: Final = 10
LONGEST_RETRY_SECONDS: Final = 300
FREE_DISRUPTIONS: Final = 3  # this many in a row are resumed at once
ATTEMPTS_KEPT: Final = 16

# What an end means for the trial: the outcome it has at once, or None where the trial goes on.
OUTCOMES: Final = {
    EndReason.INFEASIBLE: Outcome.INFEASIBLE,
    EndReason.CONFIGURATION_ERROR: Outcome.FAILED,
    EndReason.OUT_OF_MEMORY: Outcome.FAILED,
    EndReason.PENDING_DEADLINE: Outcome.FAILED,
}
# Ends that are held against the trial: retried with back-off, so many times in a row.
RETRIED: Final = frozenset({EndReason.ERROR, EndReason.STORAGE_ERROR})
# Ends whose pods are not worth keeping for their logs.
ORDINARY: Final = frozenset({EndReason.COMPLETED, EndReason.INTERRUPTED, EndReason.DISRUPTED})


@dataclass(frozen=True)
class Situation:
    """A trial and all that belongs to it. `pods` includes those that are gone but have left a result."""

    spec: TrialSpec
    status: TrialStatus
    metric: str
    direction: Direction
    policy: FailurePolicy
    retention: PodRetention
    pods: tuple[PodView, ...]
    now: datetime
    scraped: tuple[Observation, ...] = ()
    template: str = ""  # which template a pod would be made from now


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
    status = _with_observations(status, situation.scraped, spec, situation.direction)
    groups = grouped(situation.pods)
    status, ended = _record_ends(situation, status, groups)
    live = [g for g in groups if g.attempt > status.attempt_count and g.alive]
    overdue = _overdue(situation, live)
    if overdue is not None:
        status, attempt = _record(situation, status, overdue, _deadline_passed(overdue))
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
            status, attempt = _record(situation, status, group, group.end)
            ended.append(attempt)
    if status.pod and not any(g.name == status.pod and (g.alive or g.end is not None) for g in groups):
        lost = PodView(name=status.pod, attempt=status.attempt_count + 1, target_steps=0, stage=Stage.ENDED)
        end = SegmentEnd(reason=EndReason.DISRUPTED, message="the pod was deleted before its result could be read")
        status, attempt = _record(situation, status, PodGroup((lost,)), end)
        ended.append(attempt)
    return status, tuple(ended)


def _admissions(group: PodGroup) -> Iterable[Admission]:
    """Those of the group that wait for rank 0's address, once it has one."""
    leader = group.leader
    if leader.address and leader.lives:
        for pod in group.waiting:
            if pod.gated and not pod.deleting:
                yield Admission(pod.name, leader.address, leader.port)


def _record(situation: Situation, status: TrialStatus, group: PodGroup, end: SegmentEnd) -> tuple[TrialStatus, Attempt]:
    """One ended attempt into the status: its observations, its cost, and what follows from its reason."""
    spec = situation.spec
    status = _with_observations(status, end.observations, spec, situation.direction)
    to_step = end.to_step if end.to_step is not None else status.last.step if status.last else 0
    reason, message = end.reason, end.message
    if reason is EndReason.COMPLETED and spec.probe is not None:
        reason, message = _probed(spec.probe, end)
    elif reason is EndReason.COMPLETED and not any(o.step == group.target_steps for o in status.observations):
        reason, message = _incomplete(situation.metric, group.target_steps, to_step, end)
    gpu_seconds = group.gpu_seconds(situation.now)
    attempt = Attempt(
        number=group.attempt,
        pod=group.name,
        reason=reason,
        exit_code=end.exit_code,
        message=message[:MESSAGE_LIMIT],
        from_step=end.from_step,
        to_step=to_step,
        trained_steps=end.trained_steps,
        gpu_seconds=gpu_seconds,
        ended_at=end.ended_at or to_wire(situation.now),
    )
    progressed = end.checkpoint is not None and end.checkpoint.step > status.steps
    retries = 0 if progressed else status.retries
    not_before = None
    if reason in RETRIED:
        retries += 1
        not_before = _later(situation, attempt, retries - 1)
    elif (fruitless := _fruitless(status, attempt)) > FREE_DISRUPTIONS:
        not_before = _later(situation, attempt, fruitless - FREE_DISRUPTIONS)
    outcome = status.outcome or OUTCOMES.get(reason)
    if outcome is None and retries > situation.policy.max_retries:
        outcome = Outcome.FAILED
    if outcome is None and (
        reason is EndReason.COMPLETED
        if spec.probe is not None
        else any(o.step >= spec.horizon_steps for o in status.observations)
    ):
        outcome = Outcome.COMPLETED
    return (
        status.model_copy(
            update={
                "attempts": (*status.attempts, attempt),
                "attempt_count": group.attempt,
                "retries": retries,
                "retry_not_before": not_before,
                "outcome": outcome,
                "steps": end.checkpoint.step if end.checkpoint else status.steps,
                "checkpoint": end.checkpoint or status.checkpoint,
                "best_checkpoint": end.best_checkpoint or status.best_checkpoint,
                "trained_steps": status.trained_steps + end.trained_steps,
                "gpu_seconds": status.gpu_seconds + gpu_seconds,
                "provenance": _provenance(spec, status, end),
                "verdict": end.verdict if spec.probe is not None and outcome is Outcome.COMPLETED else status.verdict,
                "pod": None,
            }
        ),
        attempt,
    )


def _later(situation: Situation, attempt: Attempt, doublings: int) -> str:
    """When to try again. A node's clock may be ahead of ours, so an end in the future counts as now."""
    delay = min(FIRST_RETRY_SECONDS * 2 ** min(doublings, 16), LONGEST_RETRY_SECONDS)
    return to_wire(min(from_wire(attempt.ended_at), situation.now) + timedelta(seconds=delay))


def _probed(probe: Probe, end: SegmentEnd) -> tuple[EndReason, str]:
    """What an exit with 0 means for a probe, whose result is its verdict."""
    if end.verdict is not None and end.verdict.type is probe.type:
        return EndReason.COMPLETED, end.message
    if end.disrupted:
        return EndReason.DISRUPTED, "the trainer was told to end, and did so without a verdict"
    found = f"a verdict of {end.verdict.type}" if end.verdict is not None else "no verdict"
    return EndReason.CONFIGURATION_ERROR, (
        f"the trainer exited with 0 and {found}, asked for {probe.type}: use Stepladder's trainer, or let yours answer"
        " probe in its trial with verdict in its termination message (docs/probes.md)"
    )


def _provenance(spec: TrialSpec, status: TrialStatus, end: SegmentEnd) -> dict[str, str]:
    """Of the newest attempt that said what it is; of one that was killed before it could, at least the image."""
    if not end.provenance and (status.provenance or not end.image):
        return status.provenance
    return {**end.provenance, **end.image, "seed": str(spec.seed)}


def _incomplete(metric: str, target: int, to_step: int, end: SegmentEnd) -> tuple[EndReason, str]:
    """What an exit with 0 means that left no objective at the target."""
    if end.disrupted and to_step < target:
        return EndReason.DISRUPTED, f"the trainer was told to end, and did so at step {to_step}"
    if end.to_step is None:
        return EndReason.CONFIGURATION_ERROR, (
            f"the trainer exited with 0 but left no termination message, and no finite {metric} at step {target} was "
            f"scraped (the last step seen is {to_step}): let it write the message, or serve {metric} at step {target} "
            "for some seconds before it exits (docs/trainer.md)"
        )
    if to_step < target:
        return EndReason.ERROR, f"the trainer ended at step {to_step}, before step {target}"
    return EndReason.CONFIGURATION_ERROR, (
        f"the trainer reached step {to_step} but reported no finite {metric} at step {target}: "
        "check objective.metric against what the trainer reports"
    )


def _fruitless(status: TrialStatus, newest: Attempt) -> int:
    """How many attempts in a row were disrupted before they trained a step: not a failure, yet no reason to spin."""
    count = 0
    for attempt in reversed((*status.attempts, newest)):
        if attempt.reason not in (EndReason.DISRUPTED, EndReason.INTERRUPTED) or attempt.trained_steps:
            break
        count += 1
    return count


def _with_observations(
    status: TrialStatus, new: Iterable[Observation], spec: TrialSpec, direction: Direction
) -> TrialStatus:
    """The status with observations added: the first report of a step counts, and the list stays bounded.

    What is evaluated while probing, at learning rates that nobody would train with, is no result of the objective.
    """
    if spec.probe is not None:
        return status
    known = {o.step: o for o in status.observations}
    best = status.best
    sign = 1 if direction is Direction.MINIMIZE else -1
    for observation in new:
        if observation.step not in known:
            known[observation.step] = observation
            if best is None or sign * observation.value < sign * best.value:
                best = observation
    if len(known) == len(status.observations):
        return status
    ordered = sorted(known.values(), key=lambda o: o.step)
    rungs = {*spec.rung_steps, spec.target_steps, spec.horizon_steps}
    steps = rungs | kept_steps(known, spec.horizon_steps)
    kept = tuple(o for o in ordered if o.step in steps)
    return status.model_copy(update={"observations": kept, "last": ordered[-1], "best": best})


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
