"""Types, limits and unknown fields. The wording is that of Kubernetes 1.35."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stepladder.api.model import PRESERVE
from stepladder.api.structural import Schema


@dataclass(frozen=True)
class Cause:
    """One reason to refuse an object. A blocking one means that CEL rules could not be trusted with it."""

    path: str
    detail: str
    blocking: bool = False

    def __str__(self) -> str:
        return f"{self.path or '<nil>'}: {self.detail}"


UNCHECKED = Cause(
    "",
    "Invalid value: null: some validation rules were not checked because the object was invalid;"
    " correct the existing errors to complete validation",
)
_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def unknown_fields(value: Any, schema: Schema, path: str = "") -> list[str]:
    """The paths of fields that the schema does not know. Whatever lies under metadata is Kubernetes' own business."""
    found: list[str] = []
    if isinstance(value, dict) and "properties" in schema:
        for name, child in value.items():
            if name in schema["properties"]:
                found += unknown_fields(child, schema["properties"][name], inside(path, name))
            elif PRESERVE not in schema:
                found.append(inside(path, name))
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            found += unknown_fields(item, schema["items"], f"{path}[{index}]")
    return found


def violations(value: Any, old: Any, schema: Schema, path: str = "") -> Iterator[Cause]:
    """Every way in which `value` breaks the schema. What equals `old` was judged when it came."""
    if value == old:
        return
    expected = schema.get("type")
    actual = _TYPES.get(type(value), "null")
    if expected and actual != expected and (actual, expected) != ("integer", "number"):
        yield Cause(
            path, f'Invalid value: "{actual}": {path} in body must be of type {expected}: "{actual}"', blocking=True
        )
        return
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(json.dumps(choice) for choice in schema["enum"])
        yield Cause(path, f"Unsupported value: {json.dumps(value)}: supported values: {supported}", blocking=True)
    if isinstance(value, dict):
        yield from _object(value, old if isinstance(old, dict) else {}, schema, path)
    elif isinstance(value, list):
        yield from _array(value, schema, path)
    elif isinstance(value, str):
        yield from _string(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(value, schema, path)


def inside(path: str, name: str) -> str:
    """The path of a field of the object at `path`."""
    return f"{path}.{name}" if path else name


def _object(value: dict[str, Any], old: dict[str, Any], schema: Schema, path: str) -> Iterator[Cause]:
    for name in schema.get("required", ()):
        if name not in value:
            yield Cause(inside(path, name), "Required value", blocking=True)
    if len(value) > schema.get("maxProperties", len(value)):
        limit = schema["maxProperties"]
        yield Cause(path, f"Too many: {len(value)}: must have at most {limit} items", blocking=True)
    others: Schema = schema.get("additionalProperties", {})
    for name, child in value.items():
        known: Schema = schema.get("properties", {}).get(name, others)
        yield from violations(child, old.get(name, ...), known, inside(path, name))


def _array(value: list[Any], schema: Schema, path: str) -> Iterator[Cause]:
    if len(value) < schema.get("minItems", 0):
        yield _bound(path, len(value), f"should have at least {schema['minItems']} items")
    if len(value) > schema.get("maxItems", len(value)):
        limit = schema["maxItems"]
        yield Cause(path, f"Too many: {len(value)}: must have at most {limit} items", blocking=True)
    seen: list[dict[str, Any]] = []
    for index, item in enumerate(value):
        yield from violations(item, ..., schema.get("items", {}), f"{path}[{index}]")
        key = {name: item.get(name) for name in schema.get("x-kubernetes-list-map-keys", ()) if isinstance(item, dict)}
        if key and key in seen:
            yield Cause(f"{path}[{index}]", f"Duplicate value: {json.dumps(key, separators=(',', ':'))}")
        seen.append(key)


def _string(value: str, schema: Schema, path: str) -> Iterator[Cause]:
    if len(value) > schema.get("maxLength", len(value)):
        yield Cause(path, f"Too long: may not be more than {schema['maxLength']} bytes", blocking=True)
    elif len(value) < schema.get("minLength", 0):
        yield _bound(path, value, f"should be at least {schema['minLength']} chars long")
    elif "pattern" in schema and not _matches(schema["pattern"], value):
        yield _bound(path, value, f"should match '{schema['pattern']}'")


def _matches(pattern: str, value: str) -> bool:
    """As Go has it, where `$` is the very end: Python's would let a line break pass."""
    return re.search(re.sub(r"\$$", r"\\Z", pattern), value) is not None


def _number(value: float, schema: Schema, path: str) -> Iterator[Cause]:
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    if value < low:
        yield _bound(path, value, f"should be greater than or equal to {low}")
    elif value == low and schema.get("exclusiveMinimum"):
        yield _bound(path, value, f"should be greater than {low}")
    if value > high:
        yield _bound(path, value, f"should be less than or equal to {high}")


def _bound(path: str, value: Any, broken: str) -> Cause:
    return Cause(path, f"Invalid value: {json.dumps(value)}: {path} in body {broken}")
