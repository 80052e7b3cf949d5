"""From pydantic's JSON schema to a structural OpenAPI v3 schema, the dialect that a CustomResourceDefinition speaks."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from stepladder.api.model import PRESERVE

Schema = dict[str, Any]

_DROPPED = {"$defs", "$ref", "anyOf", "title", "const", "readOnly", "exclusiveMinimum", "exclusiveMaximum"}


def structural(model: type[BaseModel]) -> Schema:
    """The model's schema with references inlined, nulls removed and every default complete.

    A field that may be None is an optional field; the API server drops nulls. A field that is a model with defaults
    gets all of them spelled out, since the API server validates a default before it fills what is inside.
    """
    raw = model.model_json_schema(mode="serialization")
    return _convert(raw, raw.get("$defs", {}))


def defaults(schema: Schema) -> dict[str, Any]:
    """What an empty object becomes under this schema."""
    return {name: child["default"] for name, child in schema.get("properties", {}).items() if "default" in child}


def _convert(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    node = _resolve(node, definitions)
    if PRESERVE in node and "type" not in node:  # any scalar: a structural schema has no word for it
        node = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    converted: Schema = {key: value for key, value in node.items() if key not in _DROPPED}
    if converted.get("default", ...) is None:
        del converted["default"]
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in node:  # a number in JSON Schema, a flag beside the number in OpenAPI v3.0
            converted |= {bound.lower(): node[f"exclusive{bound}"], f"exclusive{bound}": True}
    if "const" in node:
        converted["enum"] = [node["const"]]
    if converted.get("type") == "integer":
        converted["format"] = "int64"
    if "items" in node:
        converted["items"] = _convert(node["items"], definitions)
    if "required" in node:  # a computed field is always there when we write, and need not be when others do
        optional = {name for name, child in node["properties"].items() if child.get("readOnly")}
        converted["required"] = [name for name in node["required"] if name not in optional]
    if "properties" in node:
        converted["properties"] = {name: _convert(child, definitions) for name, child in node["properties"].items()}
    values = converted.pop("additionalProperties", None)
    if isinstance(values, Mapping) and PRESERVE not in node:
        converted["additionalProperties"] = _convert(values, definitions)
    if isinstance(converted.get("default"), dict):
        converted["default"] = defaults(converted)
    return converted


def _resolve(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The node with its reference, or its one non-null alternative, merged in; its own keys win."""
    own = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
    if "$ref" in node:
        return _resolve(definitions[node["$ref"].rsplit("/", 1)[1]], definitions) | own
    alternatives = [choice for choice in node.get("anyOf", ()) if choice.get("type") != "null"]
    if len(alternatives) == 1:
        return _resolve(alternatives[0], definitions) | own
    return own | ({"anyOf": alternatives} if alternatives else {})
