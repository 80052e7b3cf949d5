"""What to do about a study's `serve`, and what to say of it, from what is there now. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stepladder.api import names
from stepladder.api.conditions import ConditionType, Status, find
from stepladder.api.serving import ServingStatus
from stepladder.api.study import TuningStudySpec, TuningStudyStatus
from stepladder.control.cache import Key, key_of
from stepladder.control.ownership import owns
from stepladder.control.quota import refusal
from stepladder.control.serving_builder import REPLICAS_ANNOTATION, address, build_serving, own_command
from stepladder.control.store import DEPLOYMENTS, Object, Resource


@dataclass(frozen=True)
class Create:
    """Make an object that is not there."""

    resource: Resource
    manifest: Object


@dataclass(frozen=True)
class Update:
    """Bring an object that was made from something else up to date: a JSON patch, on this state of it."""

    key: Key
    base: Object
    patch: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Remove:
    """Delete an object that nothing asks for any more."""

    key: Key


Action = Create | Update | Remove


@dataclass(frozen=True)
class Said:
    """The condition `Serving`, and where the model is served once it is."""

    status: Status
    reason: str
    message: str
    serving: ServingStatus | None = None


@dataclass(frozen=True)
class ServingPlan:
    """What to do now, and what is true as long as it has not been done. Nothing is said of a study without `serve`."""

    actions: tuple[Action, ...] = ()
    said: Said | None = None


def plan_serving(
    study: Object, spec: TuningStudySpec, status: TuningStudyStatus, found: Mapping[Resource, Object | None]
) -> ServingPlan:
    """`found`: the Deployment and the Service of the study's name, whoever made them."""
    there = {resource: item for resource, item in found.items() if item is not None}
    ours = {resource: item for resource, item in there.items() if owns(study, item)}
    removal = tuple(Remove(key_of(resource, item)) for resource, item in ours.items() if not _going(item))
    if spec.serve is None:
        return ServingPlan(removal)
    if (reason := _why_not(spec, status)) is not None:
        return ServingPlan(removal, reason)
    assert status.best is not None  # noqa: S101  or there was a reason
    if foreign := [resource for resource in there if resource not in ours]:
        return ServingPlan((), name_taken(foreign[0], study["metadata"]["name"]))
    actions: list[Action] = []
    for resource, wanted in build_serving(study, spec, spec.serve, status.best).items():
        item = ours.get(resource)
        if item is None:
            actions.append(Create(resource, wanted))
        elif not _going(item) and not _annotations(wanted).items() <= _annotations(item).items():
            actions.append(Update(key_of(resource, item), item, _patch(item, wanted)))
    place = ServingStatus(trial=status.best.trial, url=address(study, spec.serve))
    return ServingPlan(tuple(actions), _availability(study, ours.get(DEPLOYMENTS), place, complete=not actions))


def name_taken(resource: Resource, name: str) -> Said:
    """Somebody else has an object of the study's name."""
    message = f"there is a {resource.kind} {name} that is not this study's: delete it, and the model is served"
    return Said("False", "NameTaken", message)


def _why_not(spec: TuningStudySpec, status: TuningStudyStatus) -> Said | None:
    if command := own_command(spec):
        return Said(
            "False", "NotOurTrainer",
            f"the container trainer runs {command}, and only models of Stepladder's own trainer can be served: remove"
            " serve, or serve the best checkpoint with a Deployment of your own",
        )  # fmt: skip
    succeeded = find(status.conditions, ConditionType.SUCCEEDED)
    if succeeded is None or status.completion_time is None:
        return Said("Unknown", "NotFinished", "the best model is served when the study has succeeded")
    if succeeded.status != "True":
        return Said("False", "StudyFailed", f"the study has failed, so that {_by_hand(status)}")
    if status.best is None:
        return Said("False", "NoBestTrial", "no trial has a result, so that there is no best model to serve")
    if status.best.checkpoint is None:
        return Said(
            "False", "NoCheckpoint",
            f"trial {status.best.trial} has told of no checkpoint, and only models of Stepladder's own trainer can be"
            " served: let trainer.template have the trainer's image, or, if it has, serve it by hand from the trial's"
            " directory",
        )  # fmt: skip
    return None


def _by_hand(status: TuningStudyStatus) -> str:
    if status.best is None or status.best.checkpoint is None:
        return "there is no best model to serve"
    return (
        f"its best model is not served: it can be by hand, from {status.best.checkpoint} (python -m stepladder_trainer"
        " serve --checkpoint=...)"
    )


def _availability(study: Object, deployment: Object | None, place: ServingStatus, *, complete: bool) -> Said:
    """By the Deployment's own status, of which an old generation's does not count."""
    of = (deployment or {}).get("status") or {}
    current = of.get("observedGeneration", 0) >= ((deployment or {"metadata": {}})["metadata"].get("generation", 1))
    updated = of.get("updatedReplicas", 0) == of.get("replicas", 0)
    if complete and current and updated and of.get("availableReplicas", 0) > 0:
        return Said("True", "Available", f"the model of {place.trial} answers at {place.url}", place)
    name = study["metadata"]["name"]
    why = (_trouble(of.get("conditions") or ()) if current else "") or (
        f"if it stays so, kubectl logs deploy/{name} says why, and of a pod that does not run"
        f" kubectl describe pods -l {names.SERVING_LABEL}={name}"
    )
    return Said("Unknown", "Starting", f"no pod answers yet with the model of {place.trial}: {why}", place)


def _trouble(conditions: Iterable[Mapping[str, str]]) -> str:
    """What the Deployment itself says of pods that cannot be made or do not get ready."""
    for kind, bad in (("ReplicaFailure", "True"), ("Progressing", "False")):
        for found in conditions:
            if (found["type"], found["status"]) == (kind, bad):
                return f"{found.get('reason', kind)}: {refusal(found.get('message', ''))}"
    return ""


def _patch(item: Object, wanted: Object) -> tuple[Mapping[str, Any], ...]:
    """What we want in the place of what we wanted before; what the API server has added beside it stays."""
    had, ours = _annotations(item), _annotations(wanted)
    kept = ("replicas",) if had.get(REPLICAS_ANNOTATION) == ours.get(REPLICAS_ANNOTATION) else ()
    changed = {field: value for field, value in wanted["spec"].items() if field not in kept}
    return (
        {"op": "add", "path": "/metadata/annotations", "value": had | ours},
        *({"op": "add", "path": f"/spec/{field}", "value": value} for field, value in changed.items()),
    )


def _annotations(item: Object) -> dict[str, str]:
    return item["metadata"].get("annotations") or {}


def _going(item: Object) -> bool:
    return "deletionTimestamp" in item["metadata"]
