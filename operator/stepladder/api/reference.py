"""The API reference, from the CRDs: `python -m stepladder.api.reference > docs/api.md`."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from stepladder.api.crd import definitions
from stepladder.api.model import PRESERVE
from stepladder.api.structural import Schema

INTRODUCTION = """\
<!-- Generated from operator/stepladder/api by `make generate`. Do not edit. -->
# API reference

Group `tuning.stepladder.dev`, version `v1alpha1`. A field in **bold** is required where what contains it is given. What
is refused is refused by `kubectl apply` and `stepladder run` with the sentences listed under *Rules*; what only a whole
study shows (a condition on a value that is never taken, say) becomes its condition `Accepted: False`.
"""


def reference() -> str:
    """The page, in Markdown."""
    return "\n".join([INTRODUCTION, *(line for crd in definitions() for line in _kind(crd))]) + "\n"


def _kind(crd: dict[str, Any]) -> Iterator[str]:
    names, version = crd["spec"]["names"], crd["spec"]["versions"][0]
    root: Schema = version["schema"]["openAPIV3Schema"]
    columns = ", ".join(column["name"] for column in version["additionalPrinterColumns"])
    yield f"## {names['kind']}\n"
    yield f"{root['description']} Short name `{names['shortNames'][0]}`, category `{names['categories'][0]}`."
    yield f"`kubectl get` shows Name, {columns}.\n"
    for part in ("spec", "status"):
        yield f"### {names['kind']} {part}\n"
        yield "| Field | Type | Default | What it is |"
        yield "|---|---|---|---|"
        yield from _rows(root["properties"][part], part)
        yield ""
    yield f"### {names['kind']} rules\n"
    for path, rule in _rules(root, ""):
        yield f"- `{path or 'metadata.name'}`: {rule['message']}."
    yield ""


def _rows(schema: Schema, path: str) -> Iterator[str]:
    for name, child in schema.get("properties", {}).items():
        field = f"{path}.{name}"
        shown = f"**`{field}`**" if name in schema.get("required", ()) else f"`{field}`"
        default = f"`{json.dumps(child['default'])}`" if child.get("type") != "object" and "default" in child else ""
        yield f"| {shown} | {_type(child)} | {default} | {_cell(child.get('description', ''))} |"
        items = child.get("items", {})
        yield from _rows(items if items else child, f"{field}[]" if items else field)


def _type(schema: Schema) -> str:
    """The type, with its limits, in a few words."""
    if "enum" in schema:
        return _cell(" | ".join(f"`{choice}`" for choice in schema["enum"]))
    if "type" not in schema:
        return "string, number or boolean"
    if schema["type"] == "array":
        return f"list of up to {schema['maxItems']}"
    if schema["type"] == "object":
        return (
            "map"
            if "additionalProperties" in schema or ("properties" not in schema and PRESERVE in schema)
            else "object"
        )
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and high is None:
        return str(schema["type"])
    above = "above" if schema.get("exclusiveMinimum") else "from"
    return " ".join(
        [schema["type"], *([f"{above} {low}"] if low is not None else []), *([f"to {high}"] if high else [])]
    )


def _rules(schema: Schema, path: str) -> Iterator[tuple[str, dict[str, str]]]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path, rule
    for name, child in schema.get("properties", {}).items():
        yield from _rules(child, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.stdout.write(reference())
