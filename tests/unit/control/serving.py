"""Studies that ask to be served, and the plan for them."""

from typing import Any

from control import samples
from stepladder.api import names
from stepladder.api.study import TuningStudySpec, TuningStudyStatus
from stepladder.control.serving_plan import Create, ServingPlan, plan_serving
from stepladder.control.store import (
    DEPLOYMENTS,
    SERVICES,
    Object,
)

NS = samples.NAMESPACE
CHECKPOINT = "/checkpoints/lab/study/study-1-abc/step-00000090.pt"
BEST = {"trial": "study-1", "value": 0.1, "step": 90, "checkpoint": CHECKPOINT, "parameters": {"x": 0.5, "wide": True}}
CLAIM = {"checkpoints": {"persistentVolumeClaim": {"claimName": "checkpoints"}}}


def container(**changes: Any) -> dict[str, Any]:
    return {
        "name": "trainer",
        "image": "trainer:1",
        "args": ["--task=digits"],
        "env": [{"name": "PYTHONPATH", "value": "/code"}],
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi", names.GPU_RESOURCE: 1}},
        **changes,
    }


def trainer(*others: dict[str, Any], pod: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [container(**changes), *others], **(pod or {})}}, **CLAIM}


def asked(serve: dict[str, Any] | None = None, **spec: Any) -> Object:
    return samples.study(**{"serve": {} if serve is None else serve, "trainer": trainer(), **spec})


def status(succeeded: str = "True", **changes: Any) -> dict[str, Any]:
    """That of a study that has ended."""
    condition = {
        "type": "Succeeded",
        "status": succeeded,
        "reason": "AllRoundsDone",
        "message": "",
        "lastTransitionTime": "2026-01-01T12:00:00Z",
        "observedGeneration": 1,
    }
    return {
        "conditions": [condition, {**condition, "type": "Progressing", "status": "False"}],
        "startTime": "2026-01-01T11:00:00Z",
        "completionTime": "2026-01-01T12:00:00Z",
        "best": BEST,
        **changes,
    }


def plan(given: Object, was: dict[str, Any] | None = None, **found: Object | None) -> ServingPlan:
    spec = TuningStudySpec.model_validate(given["spec"])
    old = TuningStudyStatus.model_validate(status() if was is None else was)
    return plan_serving(given, spec, old, {DEPLOYMENTS: found.get("deployment"), SERVICES: found.get("service")})


def made(given: Object, was: dict[str, Any] | None = None) -> dict[str, Object]:
    """What a plan makes where there is nothing, as a store would have it."""
    objects = [action.manifest for action in plan(given, was).actions if isinstance(action, Create)]
    for number, item in enumerate(objects):
        item["metadata"] |= {"uid": f"uid-{number}", "resourceVersion": "1", "generation": 1}
    return {item["kind"].lower(): item for item in objects}


def pod_of(given: Object) -> dict[str, Any]:
    spec: dict[str, Any] = made(given)["deployment"]["spec"]["template"]["spec"]
    return spec


AVAILABLE = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
