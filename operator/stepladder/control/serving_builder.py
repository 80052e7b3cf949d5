"""The Deployment and the Service that serve a study's best model. Pure."""

import hashlib
import json
from typing import Any, Final

from stepladder.api import names
from stepladder.api.serving import Serve
from stepladder.api.study import BestTrial, TuningStudySpec
from stepladder.control.ownership import owner_reference
from stepladder.control.pod_builder import CHECKPOINT_VOLUME, TEMPLATE_ANNOTATION, parameter_variables, restricted
from stepladder.control.store import DEPLOYMENTS, SERVICES, Object, Resource

MODULE: Final = "stepladder_trainer"
REPLICAS_ANNOTATION: Final = f"{names.GROUP}/replicas"
# What pods of a Deployment may not have, what is about training, and devices.
_NOT_OF_THE_POD: Final = ("restartPolicy", "activeDeadlineSeconds", "schedulingGates", "resourceClaims", "resources")
_NOT_OF_THE_CONTAINER: Final = ("livenessProbe", "startupProbe", "lifecycle", "terminationMessagePath")


def build_serving(study: Object, spec: TuningStudySpec, serve: Serve, best: BestTrial) -> dict[Resource, Object]:
    """Both manifests by their resource, with the image, environment and volumes of the study's trainer, but no GPUs."""
    selector = {names.SERVING_LABEL: study["metadata"]["name"]}
    template = spec.trainer.template.get("metadata") or {}
    pod = {
        "metadata": {
            "labels": {**(template.get("labels") or {}), **_labels(study), **selector},
            "annotations": template.get("annotations") or {},
        },
        "spec": _pod_spec(spec, serve, best),
    }
    deployment = _object(DEPLOYMENTS, study, {"selector": {"matchLabels": selector}, "template": pod})
    # Beside the digest: others may scale what we made, and only another number of ours takes that back.
    deployment["metadata"]["annotations"][REPLICAS_ANNOTATION] = str(serve.replicas)
    deployment["spec"]["replicas"] = serve.replicas
    ports = [{"name": "http", "port": serve.port, "targetPort": serve.port, "protocol": "TCP"}]
    return {
        DEPLOYMENTS: deployment,
        SERVICES: _object(SERVICES, study, {"selector": selector, "ports": ports}),
    }


def address(study: Object, serve: Serve) -> str:
    """Where pods of the cluster find it."""
    meta = study["metadata"]
    return f"http://{meta['name']}.{meta['namespace']}.svc:{serve.port}"


def own_command(spec: TuningStudySpec) -> str:
    """What the trainer container runs in the place of our trainer, if it does."""
    (container,) = (c for c in spec.trainer.template["spec"]["containers"] if c["name"] == names.TRAINER_CONTAINER)
    words = _words(container)
    return "" if not words or _place(words) else " ".join(words)


def _words(container: dict[str, Any]) -> list[str]:
    """What the container runs; empty where that is the image's to say."""
    command = container.get("command") or []
    return [*command, *(container.get("args") or [])] if command else []


def _place(words: list[str]) -> int:
    """Where our trainer's name is as the module that is to run; 0 where it is not."""
    return next((at for at in range(1, len(words)) if words[at] == MODULE and words[at - 1] in ("-m", "--module")), 0)


def _server(words: list[str]) -> list[str]:
    """The same Python with the same flags; what starts several, as torchrun does, is not what serves."""
    program, *flags = before = words[: _place(words)]
    same = program.rsplit("/", 1)[-1].startswith("python") and all(flag.startswith("-") for flag in flags)
    return [*before, MODULE] if same else ["python", "-m", MODULE]


def _pod_spec(spec: TuningStudySpec, serve: Serve, best: BestTrial) -> dict[str, Any]:
    made, container = restricted(spec.trainer)
    if words := _words(container):
        container["command"] = _server(words)
    container["args"] = ["serve", f"--checkpoint={best.checkpoint}", f"--port={serve.port}", "--device=cpu"]
    variables = parameter_variables(best.parameters)
    own = [variable for variable in container.get("env") or [] if variable["name"] not in variables]
    container["env"] = [*({"name": name, "value": value} for name, value in sorted(variables.items())), *own]
    container["ports"] = [{"name": "http", "containerPort": serve.port, "protocol": "TCP"}]
    container["readinessProbe"] = {"httpGet": {"path": "/healthz", "port": serve.port}, "periodSeconds": 2}
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    for mount in container.get("volumeMounts") or []:
        if mount["name"] == CHECKPOINT_VOLUME:
            mount["readOnly"] = True
    kept = {name: value for name, value in container.items() if name not in _NOT_OF_THE_CONTAINER}
    made = {name: value for name, value in made.items() if name not in _NOT_OF_THE_POD}
    # Others beside the trainer would wait for a training that never comes.
    first = [c for c in made.pop("initContainers", None) or [] if c.get("restartPolicy") != "Always"]
    for container in (*first, kept):
        container["resources"] = _without_devices(container.get("resources") or {})
    return made | {"containers": [kept]} | ({"initContainers": first} if first else {})


def _without_devices(resources: dict[str, Any]) -> dict[str, Any]:
    """CPUs and memory, for one answer at a time does not fill a GPU that trials wait for. A device's name has a slash
    in it."""
    return {
        kind: {name: amount for name, amount in (resources.get(kind) or {}).items() if "/" not in name}
        for kind in ("requests", "limits")
    }


def _labels(study: Object) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "stepladder", names.STUDY_LABEL: study["metadata"]["name"]}


def _object(resource: Resource, study: Object, spec: dict[str, Any]) -> Object:
    meta = study["metadata"]
    digest = hashlib.blake2b(json.dumps(spec, sort_keys=True).encode(), digest_size=8).hexdigest()
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": _labels(study),
            "annotations": {TEMPLATE_ANNOTATION: digest},
            "ownerReferences": [owner_reference(study)],
        },
        "spec": spec,
    }
