"""Kubernetes objects as JSON: how they are keyed, copied, stamped and selected."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from stepladder.control.store import Invalid, Object, Resource


class Key(NamedTuple):
    """Where an object lives."""

    resource: Resource
    namespace: str
    name: str


def key_of(resource: Resource, manifest: Object) -> Key:
    """The key of an object that has its metadata."""
    return Key(resource, manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def qualified(resource: Resource) -> str:
    """The plural as the API server's messages have it: `trials.tuning.stepladder.dev`, `pods`."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def from_wire(manifest: Mapping[str, Any]) -> Object:
    """A copy that is JSON and nothing else, as if it had been sent. Raises Invalid where JSON cannot carry it."""
    try:
        sent = json.loads(json.dumps(manifest, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise Invalid(f"not an object that JSON can carry: {error}") from error
    if not isinstance(sent, dict):
        raise Invalid("an object must be a JSON object")
    return sent


def copy(value: Any) -> Any:
    """A deep copy of JSON (three times faster than copy.deepcopy, which also looks for cycles)."""
    if isinstance(value, dict):
        return {key: copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy(item) for item in value]
    return value


def now() -> datetime:
    """The wall clock, as metadata wants it."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """metav1.Time: whole seconds, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def selected(manifest: Object, labels: Mapping[str, str] | None) -> bool:
    """Whether the object's labels have all these values."""
    if not labels:
        return True
    own = manifest["metadata"].get("labels") or {}
    return all(own.get(name) == value for name, value in labels.items())
