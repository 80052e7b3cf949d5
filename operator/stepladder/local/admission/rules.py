"""The CRDs' CEL rules (x-kubernetes-validations), evaluated as the API server does."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import celpy
from celpy import celtypes
from celpy.evaluation import CELEvalError

from stepladder.api.structural import Schema
from stepladder.local.admission.structure import Cause, inside


def violations(value: Any, old: Any, schema: Schema, path: str = "") -> Iterator[Cause]:
    """Every rule that `value` breaks. `old` is its former self, or None.

    Rules that mention oldSelf apply to changes only. The items of a list-map meet their former selves by their keys;
    those of an atomic list have none. What did not change is not judged again.
    """
    if value == old:
        return
    context: dict[str, Any] | None = None
    for rule in schema.get("x-kubernetes-validations", ()):
        if old is None and "oldSelf" in rule["rule"]:
            continue
        context = context or _context(value, old, schema)
        try:
            holds = _program(rule["rule"]).evaluate(context)
        except CELEvalError as error:  # in words of our own: the API server's are about its own library
            yield Cause(path, f"Invalid value: {rule['message']} (the rule could not be evaluated: {error.args[0]})")
        else:
            if not holds:
                yield Cause(path, f"Invalid value: {rule['message']}")
    if isinstance(value, dict):
        former = old if isinstance(old, dict) else {}
        for name, child in value.items():
            if name in schema.get("properties", {}):
                yield from violations(child, former.get(name), schema["properties"][name], inside(path, name))
    elif isinstance(value, list) and "items" in schema:
        keys = schema.get("x-kubernetes-list-map-keys", ())
        known = {_key(item, keys): item for item in old or ()} if keys else {}
        for index, item in enumerate(value):
            yield from violations(item, known.get(_key(item, keys)), schema["items"], f"{path}[{index}]")


def _key(item: Any, keys: list[str]) -> tuple[Any, ...]:
    return tuple(item.get(key) for key in keys)


def _context(value: Any, old: Any, schema: Schema) -> dict[str, Any]:
    context = {"self": to_cel(value, schema)}
    return context if old is None else context | {"oldSelf": to_cel(old, schema)}


def to_cel(value: Any, schema: Schema) -> Any:
    """A CEL value of the type that the schema declares, since CEL compares no integer with a double.

    What the schema does not know can be compared as a whole and not looked into.
    """
    match schema.get("type"), value:
        case "object", dict():
            properties: dict[str, Schema] = schema.get("properties", {})
            return celtypes.MapType(
                {celtypes.StringType(k): to_cel(child, properties.get(k, {})) for k, child in value.items()}
            )
        case "array", list():
            return celtypes.ListType([to_cel(item, schema.get("items", {})) for item in value])
        case "string", str():
            return celtypes.StringType(value)
        case "boolean", bool():
            return celtypes.BoolType(value)
        case "integer", int():
            return celtypes.IntType(value)
        case "number", int() | float():
            return celtypes.DoubleType(value)
    return celtypes.StringType(json.dumps(value, sort_keys=True))


@cache
def _environment() -> celpy.Environment:
    return celpy.Environment()


@cache
def _program(rule: str) -> celpy.Runner:
    environment = _environment()
    return environment.program(environment.compile(rule))
