"""What an API server checks of every object, whatever its kind, and of pods. Schemas and CEL are `admission`'s."""

import re
from typing import Any

from stepladder.control.store import PODS, Invalid, Object, Resource
from stepladder.local.objects import qualified

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")


def check_new(resource: Resource, manifest: Object) -> None:
    """Raises Invalid unless the object may be created as far as its metadata and, for pods, containers go."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise Invalid(f"{resource.kind}: metadata.name is required")
    if not metadata.get("namespace"):
        raise Invalid(f'{resource.kind} "{metadata["name"]}": metadata.namespace is required')
    if metadata.get("resourceVersion"):
        raise Invalid("resourceVersion should not be set on objects to be created")
    for field, wanted in (("apiVersion", resource.api_version), ("kind", resource.kind)):
        if manifest.get(field) != wanted:
            raise Invalid(f"{field} must be {wanted!r} here, not {manifest.get(field)!r}")
    name = metadata["name"]
    if not isinstance(name, str) or len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        raise _invalid(
            resource, name, "metadata.name", name, "must be at most 253 lower case letters, digits, '-' and '.'"
        )
    check_labels(resource, manifest)
    if resource == PODS and not (manifest.get("spec") or {}).get("containers"):
        raise Invalid(f'Pod "{name}" is invalid: spec.containers: Required value')


def check_labels(resource: Resource, manifest: Object) -> None:
    """Raises Invalid if a label could not be selected by."""
    metadata = manifest["metadata"]
    for label, value in (metadata.get("labels") or {}).items():
        prefix, _, name = label.rpartition("/")
        if len(name) > 63 or not _LABEL_NAME.fullmatch(name) or (prefix and not _SUBDOMAIN.fullmatch(prefix)):
            raise _invalid(resource, metadata["name"], "metadata.labels", label, "not a label's name")
        if not isinstance(value, str) or len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
            rule = "must be at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
            raise _invalid(resource, metadata["name"], "metadata.labels", value, rule)


def check_pod_change(old: Object, new: Object) -> None:
    """Raises Invalid if a pod's spec is changed in more than the few fields that may change."""
    name = new["metadata"]["name"]
    before, after = old["spec"].get("activeDeadlineSeconds"), new["spec"].get("activeDeadlineSeconds")
    if before != after and (not isinstance(after, int) or after < 1 or (before is not None and after > before)):
        rule = "must be from 1 to what it was before"
        raise _invalid(PODS, name, "spec.activeDeadlineSeconds", after, rule)
    gates = [gate["name"] for gate in old["spec"].get("schedulingGates") or ()]
    for gate in new["spec"].get("schedulingGates") or ():
        if gate["name"] not in gates:
            rule = f"Forbidden: only deletion is allowed, but found new scheduling gate '{gate['name']}'"
            raise Invalid(f'Pod "{name}" is invalid: spec.schedulingGates: {rule}')
    if _fixed_part(old["spec"]) != _fixed_part(new["spec"]):
        raise Invalid(
            f'Pod "{name}" is invalid: spec: Forbidden: pod updates may not change fields other than '
            "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations`"
        )


def _fixed_part(spec: Object) -> Object:
    fixed = {k: v for k, v in spec.items() if k not in ("activeDeadlineSeconds", "schedulingGates", "tolerations")}
    for group in ("containers", "initContainers"):
        if group in fixed:
            fixed[group] = [{k: v for k, v in container.items() if k != "image"} for container in fixed[group]]
    return fixed


def _invalid(resource: Resource, name: Any, field: str, value: Any, rule: str) -> Invalid:
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return Invalid(f'{kind} "{name}" is invalid: {field}: Invalid value: {value!r}: {rule}')


def conflict_message(resource: Resource, name: str) -> str:
    """The API server's words for a write that was based on an older state."""
    return (
        f'Operation cannot be fulfilled on {qualified(resource)} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
