"""The schemas of our own kinds, from the same generator that writes crds/."""

from functools import cache

from stepladder.api.crd import definitions
from stepladder.api.model import PRESERVE
from stepladder.api.structural import Schema
from stepladder.control.store import Resource


def schema_of(resource: Resource) -> Schema | None:
    """The OpenAPI schema of a kind of ours, else None."""
    return _schemas().get((resource.group, resource.plural))


@cache
def _schemas() -> dict[tuple[str, str], Schema]:
    return {
        (crd["spec"]["group"], crd["spec"]["names"]["plural"]): _with_metadata(version["schema"]["openAPIV3Schema"])
        for crd in definitions()
        for version in crd["spec"]["versions"]
    }


def _with_metadata(schema: Schema) -> Schema:
    """A CRD says nothing about metadata; the API server knows it anyway, and shows rules the name."""
    metadata = {"type": "object", PRESERVE: True, "properties": {"name": {"type": "string"}}}
    return schema | {"properties": schema["properties"] | {"metadata": metadata}}
