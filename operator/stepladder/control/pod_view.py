"""From a pod's JSON to what the decisions need of it."""

from typing import Any, Final

from stepladder.api import names
from stepladder.control import rendezvous
from stepladder.control.gpus import gpus_of
from stepladder.control.pod_builder import TARGET_ANNOTATION, TEMPLATE_ANNOTATION
from stepladder.control.pod_group import PodView, Stage
from stepladder.control.segment_end import evicted, interrupted, segment_end, trainer_status
from stepladder.control.store import Object

# Waiting reasons that every starting container goes through; any other one is worth telling.
ORDINARY_WAITS: Final = {"ContainerCreating", "PodInitializing"}


def pod_view(pod: Object, *, exists: bool = True) -> PodView:
    """What the decisions see of a pod."""
    meta, status = pod["metadata"], pod.get("status", {})
    end = segment_end(pod)
    running = (trainer_status(pod) or {}).get("state", {}).get("running")
    annotations = meta.get("annotations") or {}
    trainer = next(c for c in pod["spec"]["containers"] if c["name"] == names.TRAINER_CONTAINER)
    return PodView(
        name=meta["name"],
        attempt=int(meta["labels"][names.ATTEMPT_LABEL]),
        template=annotations.get(TEMPLATE_ANNOTATION, ""),
        target_steps=int(annotations.get(TARGET_ANNOTATION, 0)),
        stage=Stage.ENDED if end else Stage.RUNNING if running is not None else Stage.WAITING,
        end=end,
        deleting="deletionTimestamp" in meta,
        interrupted=interrupted(pod),
        evicted=evicted(pod),
        exists=exists,
        lingers=end is not None and _lingers(status),
        gpus=gpus_of(pod["spec"]),
        node=pod["spec"].get("nodeName"),
        waiting_for="" if rendezvous.gated(pod) else _waiting_for(status),
        created_at=meta.get("creationTimestamp"),
        started_at=(running or {}).get("startedAt"),
        rank=int(meta["labels"].get(names.RANK_LABEL, 0)),
        nodes=int(annotations.get(names.NODES_ANNOTATION, 1)),
        gated=rendezvous.gated(pod),
        address=status.get("podIP"),
        port=rendezvous.port_of(pod, trainer),
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
