"""What a trial's status takes in: observations, and attempts that have ended, with what follows from their reason."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from stepladder.api.probes import Probe
from stepladder.api.study import Direction
from stepladder.api.trial import Attempt, EndReason, Observation, Outcome, TrialSpec, TrialStatus
from stepladder.control.clock import from_wire, to_wire
from stepladder.control.pod_group import PodGroup
from stepladder.control.segment_end import MESSAGE_LIMIT, SegmentEnd
from stepladder.control.situation import Situation
from stepladder.control.thinning import kept_steps

FIRST_RETRY_SECONDS: Final = 10
LONGEST_RETRY_SECONDS: Final = 300
FREE_DISRUPTIONS: Final = 3  # this many in a row are resumed at once

# What an end means for the trial: the outcome it has at once, or None where the trial goes on.
OUTCOMES: Final = {
    EndReason.INFEASIBLE: Outcome.INFEASIBLE,
    EndReason.CONFIGURATION_ERROR: Outcome.FAILED,
    EndReason.OUT_OF_MEMORY: Outcome.FAILED,
    EndReason.PENDING_DEADLINE: Outcome.FAILED,
}
# Ends that are held against the trial: retried with back-off, so many times in a row.
RETRIED: Final = frozenset({EndReason.ERROR, EndReason.STORAGE_ERROR})


def with_observations(
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


def record(situation: Situation, status: TrialStatus, group: PodGroup, end: SegmentEnd) -> tuple[TrialStatus, Attempt]:
    """One ended attempt into the status: its observations, its cost, and what follows from its reason."""
    spec = situation.spec
    status = with_observations(status, end.observations, spec, situation.direction)
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
