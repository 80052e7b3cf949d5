"""From a trial to the manifest of its next pod. Pure."""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stepladder.api import names
from stepladder.api.model import Scalar
from stepladder.api.rounds import Resource
from stepladder.api.study import Checkpoints, Objective, Trainer
from stepladder.api.trial import TrialSpec
from stepladder.control import rendezvous
from stepladder.control.ownership import owner_reference
from stepladder.control.pod_group import member_name
from stepladder.control.store import PODS, Object
from stepladder.engine import probes

CHECKPOINT_VOLUME: Final = "stepladder-checkpoints"
TARGET_ANNOTATION: Final = f"{names.GROUP}/target-steps"
TEMPLATE_ANNOTATION: Final = f"{names.GROUP}/template"
TRAINER_UID: Final = 65532  # the user of the trainer's image, and the group that may write its checkpoints


@dataclass(frozen=True)
class Carrier:
    """All that the pods of a trial have in common."""

    trial: Object
    spec: TrialSpec
    objective: Objective
    trainer: Trainer


def pod_name(trial: str, attempt: int, rank: int = 0) -> str:
    """Pods are named by trial, attempt and rank, so that a second controller cannot make the same pod twice."""
    return member_name(f"{trial}-{attempt}", rank)


def checkpoint_directory(carrier: Carrier) -> str:
    """The path or URL of the trial's checkpoints: the same for every attempt, for a study made again another one."""
    meta, checkpoints = carrier.trial["metadata"], carrier.trainer.checkpoints
    parts = [(checkpoints.url or checkpoints.mount_path).rstrip("/"), meta["namespace"]]
    if carrier.spec.study:
        parts.append(carrier.spec.study)
    return "/".join([*parts, f"{meta['name']}-{meta['uid'][:8]}"])


def trial_document(carrier: Carrier, attempt: int) -> str:
    """The STEPLADDER_TRIAL document (docs/trainer.md)."""
    spec, meta = carrier.spec, carrier.trial["metadata"]
    document = {
        "namespace": meta["namespace"],
        "study": spec.study or "",
        "round": spec.round,
        "trial": meta["name"],
        "number": spec.number,
        "attempt": attempt,
        "parameters": dict(spec.parameters),
        "seed": spec.seed,
        "targetSteps": spec.target_steps,
        "horizonSteps": spec.horizon_steps,
        "evaluationSteps": sorted({*spec.rung_steps, spec.target_steps, spec.horizon_steps}),
        "objective": {"metric": carrier.objective.metric, "direction": carrier.objective.direction.value},
        "checkpointDirectory": checkpoint_directory(carrier),
    }
    if spec.resource is Resource.DATA_FRACTION:
        document["dataFractions"] = [[step, step / spec.horizon_steps] for step in sorted(spec.rung_steps)]
    if spec.probe is not None:
        document["probe"] = probes.options(spec.probe, spec.horizon_steps)
    if spec.members:
        document["members"] = [member.wire() for member in spec.members]
    return json.dumps(document, separators=(",", ":"))


def template_digest(trainer: Trainer) -> str:
    """What tells one template from another, in all that a pod is made of."""
    made_of = {name: value for name, value in trainer.wire().items() if name != "podRetention"}
    if trainer.nodes == 1:
        del made_of["nodes"]  # pods that wait through an upgrade of the operator are not made anew
    text = json.dumps(made_of, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def build_pod(carrier: Carrier, attempt: int, rank: int = 0) -> Object:
    """A pod of one attempt: the study's template, with the trial put into the container named trainer."""
    meta, trial = carrier.trainer.template.get("metadata") or {}, carrier.trial["metadata"]
    labels = {
        **(meta.get("labels") or {}),
        "app.kubernetes.io/managed-by": "stepladder",
        names.TRIAL_LABEL: trial["name"],
        names.ATTEMPT_LABEL: str(attempt),
    }
    if carrier.spec.study:
        labels[names.STUDY_LABEL] = carrier.spec.study
    spec, container = restricted(carrier.trainer)
    spec["restartPolicy"] = "Never"
    _into_trainer(container, carrier, attempt)
    pod = {
        "apiVersion": PODS.api_version,
        "kind": PODS.kind,
        "metadata": {
            "name": pod_name(trial["name"], attempt, rank),
            "namespace": trial["namespace"],
            "labels": labels,
            "annotations": {
                **(meta.get("annotations") or {}),
                TARGET_ANNOTATION: str(carrier.spec.target_steps),
                TEMPLATE_ANNOTATION: template_digest(carrier.trainer),
            },
            "ownerReferences": [owner_reference(carrier.trial)],
        },
        "spec": spec,
    }
    if carrier.trainer.nodes > 1:
        rendezvous.equip(pod, container, rank, carrier.trainer.nodes)
    return pod


def restricted(trainer: Trainer) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the template's pod spec, its container named trainer), as a namespace with restricted pods takes it and with the
    checkpoints mounted. A copy."""
    spec: dict[str, Any] = copy.deepcopy(trainer.template["spec"])
    spec.setdefault("automountServiceAccountToken", False)
    security = spec.setdefault("securityContext", {})
    security.setdefault("runAsNonRoot", True)
    security.setdefault("fsGroup", TRAINER_UID)
    security.setdefault("seccompProfile", {"type": "RuntimeDefault"})
    for container in spec["containers"]:
        limits = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        container["securityContext"] = limits | (container.get("securityContext") or {})
    container = next(c for c in spec["containers"] if c["name"] == names.TRAINER_CONTAINER)
    _checkpoint_volume(spec, container, trainer.checkpoints)
    return spec, container


def parameter_variables(parameters: Mapping[str, Scalar]) -> dict[str, str]:
    """The environment that makes `$(parameters.learning_rate)` in args and env of foreign commands Kubernetes' own
    expansion."""
    return {f"parameters.{name}": _text(value) for name, value in parameters.items()}


def _into_trainer(container: dict[str, Any], carrier: Carrier, attempt: int) -> None:
    ours = parameter_variables(carrier.spec.parameters)
    ours[names.TRIAL_ENV] = trial_document(carrier, attempt).replace("$(", "$$(")
    ours[names.METRICS_PORT_ENV] = str(carrier.trainer.metrics.port)
    own = [e for e in container.get("env") or [] if e["name"] not in ours]
    container["env"] = [*({"name": name, "value": value} for name, value in sorted(ours.items())), *own]
    ports = container.setdefault("ports", [])
    # A port's name is for people and for Prometheus; two of one name would be refused.
    if not any(p.get("containerPort") == carrier.trainer.metrics.port or p.get("name") == "metrics" for p in ports):
        ports.append({"name": "metrics", "containerPort": carrier.trainer.metrics.port})
    container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _checkpoint_volume(spec: dict[str, Any], container: dict[str, Any], checkpoints: Checkpoints) -> None:
    if checkpoints.url:
        return
    mounts = container.setdefault("volumeMounts", [])
    if any(m["mountPath"].rstrip("/") == checkpoints.mount_path.rstrip("/") for m in mounts):
        return  # the template brings a volume of its own
    claim = checkpoints.persistent_volume_claim
    source: dict[str, Any] = {"persistentVolumeClaim": {"claimName": claim.claim_name}} if claim else {"emptyDir": {}}
    spec.setdefault("volumes", []).append({"name": CHECKPOINT_VOLUME, **source})
    mounts.append({"name": CHECKPOINT_VOLUME, "mountPath": checkpoints.mount_path})
