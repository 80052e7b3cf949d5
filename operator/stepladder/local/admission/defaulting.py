"""Defaults, as the API server fills them in."""

import copy
from typing import Any

from stepladder.api.structural import Schema


def filled(value: Any, schema: Schema) -> Any:
    """`value` with what it leaves out. A field set to null counts as left out; a null in a list stays."""
    if isinstance(value, dict):
        properties: dict[str, Schema] = schema.get("properties", {})
        known = {name: child for name, child in value.items() if child is not None or name not in properties}
        missing = {
            name: copy.deepcopy(child["default"])
            for name, child in properties.items()
            if name not in known and "default" in child
        }
        others: Schema = schema.get("additionalProperties", {})
        return {name: filled(child, properties.get(name, others)) for name, child in (known | missing).items()}
    if isinstance(value, list) and "items" in schema:
        return [filled(item, schema["items"]) for item in value]
    return value
