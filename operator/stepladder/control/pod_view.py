"""From a pod's JSON to what the decisions need of it."""

from typing import Any, Final

from stepladder.api import names
from stepladder.control.gpus import gpus_of
from stepladder.control.pod_builder import TARGET_ANNOTATION, TEMPLATE_ANNOTATION
from stepladder.control.segment_end import interrupted, segment_end, trainer_status
from stepladder.control.segments import PodView, Stage
from stepladder.control.store import Object

# Waiting reasons that every starting container goes through; any other one is worth telling.
ORDINARY_WAITS: Final = {"ContainerCreating", "PodInitializing"}


def pod_view(pod: Object, *, exists: bool = True) -> PodView:
    """What the decisions see of a pod."""
    meta, status = pod["metadata"], pod.get("status", {})
    end = segment_end(pod)
    running = "running" in (trainer_status(pod) or {}).get("state", {})
    return PodView(
        name=meta["name"],
        attempt=int(meta["labels"][names.ATTEMPT_LABEL]),
        template=meta.get("annotations", {}).get(TEMPLATE_ANNOTATION, ""),
        target_steps=int(meta.get("annotations", {}).get(TARGET_ANNOTATION, 0)),
        stage=Stage.ENDED if end else Stage.RUNNING if running else Stage.WAITING,
        end=end,
        deleting="deletionTimestamp" in meta,
        interrupted=interrupted(pod),
        exists=exists,
        lingers=end is not None and _lingers(status),
        gpus=gpus_of(pod["spec"]),
        node=pod["spec"].get("nodeName"),
        waiting_for=_waiting_for(status),
        created_at=meta.get("creationTimestamp"),
    )


def _lingers(status: dict[str, Any]) -> bool:
    """Whether other containers run on though the trainer has ended: the pod, and its GPUs, would stay for them."""
    others = (c for c in status.get("containerStatuses") or [] if c["name"] != names.TRAINER_CONTAINER)
    return any("running" in c.get("state", {}) for c in others)


def _waiting_for(status: dict[str, Any]) -> str:
    for container in status.get("containerStatuses") or []:
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in ORDINARY_WAITS:
            return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}".rstrip(": ")
    return ""
