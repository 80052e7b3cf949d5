"""How a segment ended: the one table that turns a pod's terminated state into a reason and a result.

Read from the container's terminated state, not from the pod's phase, which lags by a second.
"""

import json
import math
from dataclasses import dataclass, field
from typing import Any, Final

from stepladder.api import names
from stepladder.api.trial import Checkpoint, EndReason, Observation
from stepladder.control.store import Object

# The trainer's exit codes (sysexits.h; docs/trainer.md). Whatever is not named here is an unexplained error.
EXIT_REASONS: Final = {
    0: EndReason.COMPLETED,
    65: EndReason.INFEASIBLE,
    71: EndReason.OUT_OF_MEMORY,
    74: EndReason.STORAGE_ERROR,
    75: EndReason.INTERRUPTED,
    78: EndReason.CONFIGURATION_ERROR,
}
SIGKILL: Final = 137
SIGTERM: Final = 143
# status.reason of pods that the cluster, not the trainer, has ended.
DISRUPTIONS: Final = {"Evicted", "Preempting", "NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeAffinity"}
MESSAGE_LIMIT: Final = 1024
PROVENANCE_LIMIT: Final = 32


@dataclass(frozen=True)
class SegmentEnd:
    """How one attempt ended, and what it brought."""

    reason: EndReason
    exit_code: int | None = None
    message: str = ""
    from_step: int = 0
    to_step: int | None = None  # None: the trainer did not say
    trained_steps: int = 0
    observations: tuple[Observation, ...] = ()
    checkpoint: Checkpoint | None = None
    best_checkpoint: Checkpoint | None = None
    provenance: dict[str, str] = field(default_factory=dict)
    started_at: str | None = None
    ended_at: str | None = None


def trainer_status(pod: Object) -> dict[str, Any] | None:
    """The status of the container that trains."""
    statuses = pod.get("status", {}).get("containerStatuses") or []
    return next((s for s in statuses if s["name"] == names.TRAINER_CONTAINER), None)


def segment_end(pod: Object) -> SegmentEnd | None:
    """How the pod's segment ended; None while it has not."""
    status = pod.get("status", {})
    container = trainer_status(pod) or {}
    terminated: dict[str, Any] | None = container.get("state", {}).get("terminated")
    if terminated is None:
        if status.get("phase") not in ("Failed", "Succeeded"):
            return None
        # The kubelet never told how the container ended: the node was lost, or the pod evicted before it started.
        why = status.get("message") or status.get("reason") or "the pod ended without a word of its container"
        return SegmentEnd(reason=EndReason.DISRUPTED, message=why[:MESSAGE_LIMIT])
    result = _result(terminated.get("message", ""))
    code = int(terminated["exitCode"])
    return SegmentEnd(
        reason=_reason(pod, terminated, code),
        exit_code=code,
        message=str(result.get("message") or terminated.get("message") or terminated.get("reason") or "")[
            :MESSAGE_LIMIT
        ],
        from_step=_int(result.get("fromStep")) or 0,
        to_step=_int(result.get("step")),
        trained_steps=_int(result.get("trainedSteps")) or 0,
        observations=_observations(result),
        checkpoint=_checkpoint(result.get("checkpoint"), result.get("step")),
        best_checkpoint=_best_checkpoint(result.get("best")),
        provenance=_provenance(result.get("provenance")),
        started_at=terminated.get("startedAt"),
        ended_at=terminated.get("finishedAt"),
    )


def _reason(pod: Object, terminated: dict[str, Any], code: int) -> EndReason:
    if terminated.get("reason") == "OOMKilled":
        return EndReason.OUT_OF_MEMORY
    if terminated.get("reason") in ("StartError", "ContainerCannotRun"):
        return EndReason.CONFIGURATION_ERROR  # the image has no such command, or it cannot be run
    if code in EXIT_REASONS:
        return EXIT_REASONS[code]
    if code in (SIGKILL, SIGTERM) and _disrupted(pod):
        return EndReason.DISRUPTED
    return EndReason.ERROR


def _disrupted(pod: Object) -> bool:
    status = pod.get("status", {})
    return (
        "deletionTimestamp" in pod["metadata"]
        or status.get("reason") in DISRUPTIONS
        or interrupted(pod)
        or any(c["type"] == "DisruptionTarget" and c["status"] == "True" for c in status.get("conditions") or [])
    )


def interrupted(pod: Object) -> bool:
    """Whether we have asked the pod to end."""
    return "activeDeadlineSeconds" in pod["spec"]


def _result(message: str) -> dict[str, Any]:
    """The trainer's final line: the last line of the termination message that is a JSON object."""
    for line in reversed(message.strip().splitlines()):
        try:
            parsed = json.loads(line)
        except ValueError:
            continue
        if isinstance(parsed, dict):
            return parsed
    return {}


def _int(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) and value >= 0 else None


def _observations(result: dict[str, Any]) -> tuple[Observation, ...]:
    """Every finite evaluation that the message carries, once per step, by step."""
    pairs = [tuple(p) for p in result.get("evaluations") or [] if isinstance(p, list) and len(p) == 2]
    pairs.append((result.get("step"), result.get("value")))
    found: dict[int, float] = {}
    for step, value in pairs:
        number = _int(step)
        if number is not None and isinstance(value, int | float) and math.isfinite(value):
            found.setdefault(number, float(value))
    return tuple(Observation(step=step, value=found[step]) for step in sorted(found))


def _checkpoint(path: object, step: object) -> Checkpoint | None:
    number = _int(step)
    return Checkpoint(path=path, step=number) if isinstance(path, str) and path and number is not None else None


def _best_checkpoint(best: object) -> Checkpoint | None:
    return _checkpoint(best.get("checkpoint"), best.get("step")) if isinstance(best, dict) else None


def _provenance(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(k): str(v)[:256] for k, v in list(value.items())[:PROVENANCE_LIMIT] if v is not None}
