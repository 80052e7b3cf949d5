"""A pod's status as a kubelet writes it, from what has become of its process. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from stepladder.api import names
from stepladder.control.store import Object
from stepladder.local.command import trainer_container
from stepladder.local.launch import CANNOT_START
from stepladder.local.objects import timestamp

ADDRESS: Final = "127.0.0.1"
MESSAGE_LIMIT: Final = 4096
SIGKILLED: Final = 137


class Cause(StrEnum):
    """Why a pod's process was told to end."""

    DELETED = "Deleted"
    DEADLINE = "DeadlineExceeded"
    SHUTDOWN = "Terminated"


@dataclass(frozen=True)
class Ending:
    """How a process ended. `exit_code` is 128 + n for signal n; `last_words` is the termination message."""

    exit_code: int
    last_words: str
    at: datetime
    out_of_memory: bool = False
    located: bool = True  # False: it ended while nobody looked, so its exit code is a guess


_WORDS: Final = {
    Cause.DEADLINE: "Pod was active on the node longer than the specified deadline",
    Cause.SHUTDOWN: "Pod was terminated in response to imminent node shutdown.",
}


def running(pod: Object, at: datetime) -> dict[str, Any]:
    """The process runs. Readiness is not probed."""
    state = {"running": {"startedAt": timestamp(at)}}
    return {
        "phase": "Running",
        "startTime": timestamp(at),
        "hostIP": ADDRESS,
        "podIP": ADDRESS,
        "containerStatuses": [_container(pod, state, ready=True)],
        "conditions": _conditions(pod, at, {"Ready": True, "ContainersReady": True}),
    }


def ended(pod: Object, ending: Ending, cause: Cause | None) -> dict[str, Any]:
    """The process has ended, by itself or because of `cause`."""
    state = {
        "terminated": {
            "exitCode": ending.exit_code,
            "reason": _reason(ending),
            "message": _tail(ending.last_words),
            "startedAt": _started_at(pod),
            "finishedAt": timestamp(ending.at),
        }
    }
    conditions = _conditions(pod, ending.at, {"Ready": False, "ContainersReady": False})
    if cause is Cause.SHUTDOWN:
        conditions.append(
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "TerminationByKubelet",
                "message": _WORDS[cause],
                "lastTransitionTime": timestamp(ending.at),
            }
        )
    status: dict[str, Any] = {
        "phase": "Succeeded" if ending.exit_code == 0 and cause in (None, Cause.DELETED) else "Failed",
        "containerStatuses": [_container(pod, state, ready=False)],
        "conditions": conditions,
    }
    if cause in _WORDS:
        status |= {"reason": cause.value, "message": _WORDS[cause]}
    return status


def could_not_start(pod: Object, why: str, at: datetime) -> dict[str, Any]:
    """The command could not be run: runc's exit code, and the reason that the kubelet gives it."""
    return ended(pod, Ending(CANNOT_START, why, at), None)


def _reason(ending: Ending) -> str:
    if not ending.located:
        return "ContainerStatusUnknown"
    if ending.out_of_memory:
        return "OOMKilled"
    if ending.exit_code == CANNOT_START:
        return "StartError"
    return "Completed" if ending.exit_code == 0 else "Error"


def _tail(text: str) -> str:
    return text.encode()[-MESSAGE_LIMIT:].decode(errors="ignore")


def _started_at(pod: Object) -> str | None:
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        started: str | None = container["state"].get("running", {}).get("startedAt")
        return started
    return None


def _container(pod: Object, state: dict[str, Any], *, ready: bool) -> dict[str, Any]:
    image = trainer_container(pod["spec"]).get("image", "")
    return {
        "name": names.TRAINER_CONTAINER,
        "image": image,
        "imageID": "",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": state,
    }


def _conditions(pod: Object, at: datetime, values: dict[str, bool]) -> list[dict[str, Any]]:
    kept = [c for c in (pod.get("status") or {}).get("conditions") or () if c["type"] not in values]
    return kept + [
        {"type": kind, "status": str(value), "lastTransitionTime": timestamp(at)} for kind, value in values.items()
    ]
