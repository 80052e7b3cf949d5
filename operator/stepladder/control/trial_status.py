"""A trial's conditions and phase, from what was decided. Pure."""

from dataclasses import dataclass, field
from datetime import datetime

from stepladder.api.conditions import Condition, ConditionType, Status, find, is_true, put
from stepladder.api.trial import Desired, Outcome, TrialStatus
from stepladder.control.clock import to_wire
from stepladder.control.pod_group import Stage, grouped
from stepladder.control.segments import Decision, reached
from stepladder.control.situation import Situation

PENDING = "Pending"
ENDINGS = {
    Outcome.COMPLETED: "trained to the end of its ladder",
    Outcome.PRUNED: "others were better at this rung; its checkpoint is kept",
    Outcome.STOPPED: "the study ended first; its checkpoint is kept",
}


@dataclass(frozen=True)
class Hindrance:
    """Why a pod that should be there cannot be made yet."""

    message: str
    quota: bool = False  # a quota is the reason: waited for, and never an error
    turn: bool = field(default=False, compare=False)  # others look for nodes first; the status does not tell this apart

    @property
    def waits(self) -> bool:
        """Whether others end it, in the queue of those that wait for room."""
        return self.quota or self.turn

    @property
    def event(self) -> str:
        """As which it is told."""
        return "QuotaExceeded" if self.quota else "NodesAwaited" if self.turn else "PodRefused"


def hindrance(status: TrialStatus) -> Hindrance | None:
    """The hindrance that a status tells of."""
    progressing = find(status.conditions, ConditionType.PROGRESSING)
    if status.phase != PENDING or progressing is None or not progressing.message:
        return None
    return Hindrance(progressing.message, quota=is_true(status.conditions, ConditionType.QUOTA_EXCEEDED))


def describe(
    situation: Situation, decision: Decision, *, generation: int, hindrance: Hindrance | None = None
) -> TrialStatus:
    """The decided status with its conditions, phase and observedGeneration."""
    status = decision.status
    phase, message = _phase(situation, decision, hindrance)
    waits = phase == PENDING and hindrance is not None and hindrance.quota
    running = phase in ("Running", "Starting")
    found: list[tuple[ConditionType, Status, str, str]] = [
        (ConditionType.PROGRESSING, "True" if running else "False", phase, message),
        (ConditionType.SUCCEEDED, *_succeeded(status, message)),
        (
            ConditionType.QUOTA_EXCEEDED,
            "True" if waits else "False",
            "QuotaExceeded" if waits else "WithinQuota",
            message if waits else "",
        ),
    ]
    conditions = status.conditions
    for kind, value, reason, text in found:
        conditions = put(conditions, condition(kind, value, reason, text, generation, situation.now))
    return status.model_copy(update={"conditions": conditions, "phase": phase, "observed_generation": generation})


def condition(
    kind: ConditionType, status: Status, reason: str, message: str, generation: int, now: datetime
) -> Condition:
    """A condition whose transition is now, unless `put` finds that its status has not changed."""
    return Condition(
        type=kind.value,
        status=status,
        reason=reason,
        message=message[:4096],
        last_transition_time=to_wire(now),
        observed_generation=generation,
    )


def _succeeded(status: TrialStatus, message: str) -> tuple[Status, str, str]:
    if status.outcome is None:
        return "Unknown", "NotFinished", ""
    return ("True" if status.outcome is Outcome.COMPLETED else "False"), status.outcome.value, message


def _phase(situation: Situation, decision: Decision, hindrance: Hindrance | None) -> tuple[str, str]:
    spec, status = situation.spec, decision.status
    last = status.attempts[-1] if status.attempts else None
    if status.outcome is not None:
        found = status.verdict.summary if status.verdict is not None else ENDINGS.get(status.outcome)
        return status.outcome.value, found or (last.message if last else "")
    group = next((g for g in grouped(situation.pods) if g.name == status.pod), None)
    if group is not None and group.leader.stage is Stage.RUNNING and not group.waiting:
        together = f" on {len(group.members)} nodes" if len(group.members) > 1 else ""
        return "Running", f"training to step {spec.target_steps} of {spec.horizon_steps}{together}"
    if group is not None:
        return "Starting", group.waiting_for
    if spec.desired is Desired.PAUSE:
        return "Paused", f"paused at step {status.steps} by the study"
    if reached(spec, status):
        return "AtRung", f"waits at step {spec.target_steps} for the others of its rung"
    if status.retry_not_before and decision.create is None:
        return "BackingOff", f"retried at {status.retry_not_before}: {last.message if last else ''}"
    return PENDING, hindrance.message if hindrance else ""
