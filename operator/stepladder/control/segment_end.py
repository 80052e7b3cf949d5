"""How a segment ended: the one table that turns a pod's terminated state into a reason and a result.

Read from the container's terminated state, not from the pod's phase, which lags by a second.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from stepladder.api import names
from stepladder.api.probes import ProbeVerdict
from stepladder.api.rounds import MAX_STEPS
from stepladder.api.trial import Checkpoint, EndReason, Observation
from stepladder.control.observing import finite
from stepladder.control.probe_verdict import probe_verdict
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
# status.reason of pods that were ended by our own interruption or by the template's limit on one pod, and of those that
# the cluster has ended: all go on from the checkpoint.
DEADLINE: Final = "DeadlineExceeded"
DISRUPTIONS: Final = {
    "Evicted",
    "NodeAffinity",
    "NodeLost",
    "NodeShutdown",
    "Preempting",
    "Shutdown",
    "Terminated",
}
INTERRUPTION_SECONDS: Final = 1
MESSAGE_LIMIT: Final = 1024
PATH_LIMIT: Final = 1024
PROVENANCE_LIMIT: Final = 28  # the status holds 32, the image and the seed among them


@dataclass(frozen=True)
class SegmentEnd:
    """How one attempt ended, and what it brought."""

    reason: EndReason
    exit_code: int | None = None
    message: str = ""
    disrupted: bool = False  # somebody or something other than the trainer has ended it
    from_step: int = 0
    to_step: int | None = None  # None: the trainer did not say
    trained_steps: int = 0
    observations: tuple[Observation, ...] = ()
    checkpoint: Checkpoint | None = None
    best_checkpoint: Checkpoint | None = None
    provenance: dict[str, str] = field(default_factory=dict)
    verdict: ProbeVerdict | None = None
    image: dict[str, str] = field(default_factory=dict)  # what ran, as far as the kubelet says
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
        return _never_ran(pod) if status.get("phase") in ("Failed", "Succeeded") else None
    words = terminated.get("message") or ""
    result = last_words(words)
    code = int(terminated["exitCode"])
    return SegmentEnd(
        reason=_reason(pod, terminated, code),
        exit_code=code,
        message=_explained(terminated, _message(words, result)),
        disrupted=_disrupted(pod),
        from_step=_step(result.get("fromStep")) or 0,
        to_step=_step(result.get("step")),
        trained_steps=_step(result.get("trainedSteps")) or 0,
        observations=_observations(result),
        checkpoint=_checkpoint(result.get("checkpoint"), result.get("step")),
        best_checkpoint=_best_checkpoint(result.get("best")),
        provenance=_provenance(result.get("provenance")),
        verdict=probe_verdict(result.get("verdict")),
        image=_image(container),
        started_at=terminated.get("startedAt"),
        ended_at=terminated.get("finishedAt"),
    )


def last_words(message: str) -> dict[str, Any]:
    """The trainer's result: a termination message that is one JSON object, as docs/trainer.md has it; else nothing.

    The message of a failed container without one is the end of its log (FallbackToLogsOnError), and lines of a log,
    be they JSON, are no result.
    """
    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _never_ran(pod: Object) -> SegmentEnd:
    """The pod is over and the kubelet never told how the trainer ended: it was never started, or its node is gone."""
    status = pod["status"]
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        ended = container.get("state", {}).get("terminated") or {}
        if ended.get("exitCode") and not _disrupted(pod):
            said = (ended.get("message") or ended.get("reason") or "")[-MESSAGE_LIMIT // 2 :]
            message = f"container {container['name']} ended with {ended['exitCode']} before the trainer started: {said}"
            return SegmentEnd(reason=EndReason.ERROR, exit_code=int(ended["exitCode"]), message=message)
    why = status.get("message") or status.get("reason") or "the pod ended without a word of its container"
    return SegmentEnd(reason=EndReason.DISRUPTED, message=why[:MESSAGE_LIMIT], disrupted=True)


def _reason(pod: Object, terminated: dict[str, Any], code: int) -> EndReason:
    if terminated.get("reason") == "OOMKilled":
        return EndReason.OUT_OF_MEMORY
    if terminated.get("reason") in ("StartError", "ContainerCannotRun"):
        return EndReason.CONFIGURATION_ERROR  # the image has no such command, or it cannot be run
    if terminated.get("reason") == "ContainerStatusUnknown":
        return EndReason.DISRUPTED  # the node went away and came back: its exit code is the kubelet's guess
    if code in EXIT_REASONS:
        return EXIT_REASONS[code]
    # Images that know nothing of exit code 75 end in any way when they are told to.
    return EndReason.DISRUPTED if _disrupted(pod) else EndReason.ERROR


def _disrupted(pod: Object) -> bool:
    past_its_deadline = pod.get("status", {}).get("reason") == DEADLINE
    return "deletionTimestamp" in pod["metadata"] or past_its_deadline or interrupted(pod) or evicted(pod)


def evicted(pod: Object) -> bool:
    """Whether the cluster has ended the pod, or is about to."""
    status = pod.get("status", {})
    return status.get("reason") in DISRUPTIONS or any(
        c["type"] == "DisruptionTarget" and c["status"] == "True" for c in status.get("conditions") or []
    )


def interrupted(pod: Object) -> bool:
    """Whether we have asked the pod to end. A deadline of the template's own is another one."""
    deadline: int | None = pod["spec"].get("activeDeadlineSeconds")
    return deadline == INTERRUPTION_SECONDS


def _message(words: str, result: dict[str, Any]) -> str:
    """What the trainer said. Where it is no last word but the end of a log, the end of that says most."""
    told = result.get("message")
    if result:
        return _text(told)[:MESSAGE_LIMIT] if isinstance(told, str) else ""
    return _text(words).strip()[-MESSAGE_LIMIT:]


def _explained(terminated: dict[str, Any], said: str) -> str:
    """What the trainer said, with the reason where it cannot know it: nobody is told of the kernel's kill."""
    if terminated.get("reason") != "OOMKilled":
        return said or terminated.get("reason") or ""
    told = "killed for going past its memory limit: raise resources.limits.memory, or make the configuration smaller"
    return f"{told}. Its last words: {said[-MESSAGE_LIMIT // 2 :]}" if said else told


def _text(value: object) -> str:
    """As a string that UTF-8 can carry: JSON can say half of a surrogate pair."""
    return str(value).encode(errors="replace").decode()


def _step(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_STEPS:
        return None
    return int(value)


def _observations(result: dict[str, Any]) -> tuple[Observation, ...]:
    """Every finite evaluation that the message carries, once per step, by step."""
    evaluations = result.get("evaluations")
    pairs = [p for p in evaluations if isinstance(p, list) and len(p) == 2] if isinstance(evaluations, list) else []
    found: dict[int, float] = {}
    for step, value in [*pairs, (result.get("step"), result.get("value"))]:
        number, objective = _step(step), finite(value)
        if number is not None and objective is not None:
            found.setdefault(number, objective)
    return tuple(Observation(step=step, value=found[step]) for step in sorted(found))


def _checkpoint(path: object, step: object) -> Checkpoint | None:
    number = _step(step)
    if not isinstance(path, str) or not 0 < len(path) <= PATH_LIMIT or number is None:
        return None
    return Checkpoint(path=_text(path), step=number)


def _best_checkpoint(best: object) -> Checkpoint | None:
    return _checkpoint(best.get("checkpoint"), best.get("step")) if isinstance(best, dict) else None


def _provenance(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    told = list(value.items())[:PROVENANCE_LIMIT]
    return {_text(k)[:64]: _text(v)[:256] for k, v in told if v is not None}


def _image(container: dict[str, Any]) -> dict[str, str]:
    """The image, and its digest in the registry where the node knows it: an image that was built there has none."""
    reference = _text(container.get("imageID") or "").rpartition("://")[2]  # of Docker: docker-pullable://NAME@DIGEST
    found = {"image": _text(container.get("image") or ""), "imageDigest": reference if "@sha256:" in reference else ""}
    return {name: value for name, value in found.items() if 0 < len(value) <= PATH_LIMIT}
