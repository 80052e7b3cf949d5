"""Objects and views for tests that need one of each."""

import json
from datetime import UTC, datetime
from typing import Any

from stepladder.api import names
from stepladder.api.study import Direction, FailurePolicy, PodRetention
from stepladder.api.trial import TrialSpec, TrialStatus
from stepladder.control.ownership import owner_reference
from stepladder.control.pod_builder import TARGET_ANNOTATION
from stepladder.control.pod_group import PodView, Stage
from stepladder.control.situation import Situation
from stepladder.control.store import PODS, STUDIES, TRIALS, Object

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
NAMESPACE = "lab"
METRIC = "validation_error"


def study(name: str = "study", *, uid: str = "study-uid", version: int = 1, **spec: Any) -> Object:
    return {
        "apiVersion": STUDIES.api_version,
        "kind": STUDIES.kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid,
            "resourceVersion": str(version),
            "generation": 1,
        },
        "spec": {
            "objective": {"metric": METRIC, "direction": "Minimize"},
            "parameters": [{"name": "x", "float": {"min": 0.0, "max": 1.0}}],
            "rounds": [{"name": "explore", "trials": 9, "maxSteps": 90}],
            "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}},
            **spec,
        },
    }


def trial(name: str = "study-1", *, owner: Object | None = None, uid: str = "trial-uid", version: int = 1) -> Object:
    owner = owner or study()
    return {
        "apiVersion": TRIALS.api_version,
        "kind": TRIALS.kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid,
            "resourceVersion": str(version),
            "generation": 1,
            "labels": {names.STUDY_LABEL: owner["metadata"]["name"]},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": trial_spec(study=owner["metadata"]["name"]).wire(),
    }


def trial_spec(**changes: Any) -> TrialSpec:
    fields: dict[str, Any] = {
        "study": "study",
        "number": 1,
        "round": "explore",
        "parameters": {"x": 0.5},
        "target_steps": 30,
        "horizon_steps": 90,
        "rung_steps": (10, 30, 90),
    }
    return TrialSpec(**(fields | changes))


def pod(attempt: int = 1, *, owner: Object | None = None, uid: str = "", version: int = 1, **changes: Any) -> Object:
    owner = owner or trial()
    name = f"{owner['metadata']['name']}-{attempt}"
    made: Object = {
        "apiVersion": "v1",
        "kind": PODS.kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid or f"{name}-uid",
            "resourceVersion": str(version),
            "labels": {names.TRIAL_LABEL: owner["metadata"]["name"], names.ATTEMPT_LABEL: str(attempt)},
            "annotations": {TARGET_ANNOTATION: "30"},
            "ownerReferences": [owner_reference(owner)],
            "creationTimestamp": "2026-01-01T11:59:00Z",
        },
        "spec": {"containers": [{"name": "trainer", "image": "trainer"}]},
        "status": {"phase": "Pending"},
    }
    for part, change in changes.items():
        made[part] = made[part] | change
    return made


def ended(code: int = 0, message: object = "", *, reason: str = "", phase: str = "", **status: Any) -> dict[str, Any]:
    """The status of a pod whose trainer has ended; a message that is no string is sent as JSON."""
    terminated = {
        "exitCode": code,
        "message": message if isinstance(message, str) else json.dumps(message),
        "reason": reason or ("Error" if code else "Completed"),
        "startedAt": "2026-01-01T11:59:00Z",
        "finishedAt": "2026-01-01T11:59:50Z",
    }
    return {
        "phase": phase or ("Failed" if code else "Succeeded"),
        "containerStatuses": [{"name": names.TRAINER_CONTAINER, "state": {"terminated": terminated}}],
        **status,
    }


def pod_view(attempt: int = 1, stage: Stage = Stage.RUNNING, **changes: Any) -> PodView:
    fields: dict[str, Any] = {
        "name": f"study-1-{attempt}",
        "attempt": attempt,
        "target_steps": 30,
        "stage": stage,
        "created_at": "2026-01-01T11:59:00Z",
    }
    return PodView(**(fields | changes))


def situation(
    *pods: PodView, spec: TrialSpec | None = None, status: TrialStatus | None = None, **changes: Any
) -> Situation:
    fields: dict[str, Any] = {
        "spec": spec or trial_spec(),
        "status": status or TrialStatus(),
        "metric": METRIC,
        "direction": Direction.MINIMIZE,
        "policy": FailurePolicy(),
        "retention": PodRetention.FAILED,
        "pods": pods,
        "now": NOW,
    }
    return Situation(**(fields | changes))
