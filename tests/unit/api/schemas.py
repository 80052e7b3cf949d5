"""Walks over the generated CRDs."""

from collections.abc import Iterator
from typing import Any

from stepladder.api.crd import definitions
from stepladder.api.structural import Schema

CRDS = {crd["spec"]["names"]["kind"]: crd for crd in definitions()}


def version(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = CRDS[kind]["spec"]["versions"][0]
    return found


def root(kind: str) -> Schema:
    schema: Schema = version(kind)["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema with its path, parents first."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}" if path else name)
    for key, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield from nodes(schema[key], path + suffix)


def every_node() -> list[tuple[str, str, Schema]]:
    """(kind, path, schema) over all CRDs. Metadata is the API server's own."""
    return [(kind, path, node) for kind in CRDS for path, node in nodes(root(kind)) if path != "metadata"]
