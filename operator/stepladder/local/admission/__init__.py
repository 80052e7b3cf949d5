"""What the API server does to an object between receiving and storing it, so that a laptop refuses what a cluster does.

The schemas are the CRDs' own, and so are the sentences: a manifest that is refused here is refused there with the same
words. Compared with the API server: list-maps are compared in order, and only Stepladder's own kinds are looked at.
"""

import json
import math
from typing import Any

from stepladder.control.store import Invalid, Object, Resource
from stepladder.local.admission import rules, structure
from stepladder.local.admission.defaulting import filled
from stepladder.local.admission.schemas import schema_of


def admit(resource: Resource, new: Object, old: Object | None = None) -> Object:
    """The object as it is stored: a copy, with defaults filled in. Kinds that are not ours pass as they are.

    `old` is what the object replaces. What did not change is not judged again, as in the API server ("ratcheting"),
    which is also what keeps status writes cheap. Raises Invalid with the API server's own message.
    """
    schema = schema_of(resource)
    if schema is None:
        return new
    try:
        received = json.loads(json.dumps(new, allow_nan=False), parse_float=_number, parse_int=_integer)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{resource.kind} cannot be read: {error}: numbers must be finite") from error
    if unknown := structure.unknown_fields(received, schema):
        fields = ", ".join(f'unknown field "{field}"' for field in unknown)
        raise Invalid(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}:'
            f" strict decoding error: {fields}"
        )
    admitted: Object = filled(received, schema)
    causes = list(structure.violations(admitted, old, schema))
    if any(cause.blocking for cause in causes):
        causes.append(structure.UNCHECKED)
    else:
        causes += rules.violations(admitted, old, schema)
    if causes:
        raise Invalid(_message(resource, admitted, [str(cause) for cause in causes]))
    return admitted


def _message(resource: Resource, admitted: Object, causes: list[str]) -> str:
    listed = causes[0] if len(causes) == 1 else f"[{', '.join(causes)}]"
    name = admitted.get("metadata", {}).get("name", "")
    return f'{resource.kind}.{resource.group} "{name}" is invalid: {listed}'


def _integer(text: str) -> Any:
    """Go's integers end at 2^63: what is larger is a number, and no integer. Raises OverflowError beyond 1.8e308."""
    value = int(text)
    return value if -(2**63) <= value < 2**63 else float(value)


def _number(text: str) -> Any:
    """JSON has one kind of number: 810.0 and 8.1e2 are stored as 810 (up to 2^63, where Go's integers end)."""
    value = float(text)
    return int(value) if math.isfinite(value) and value.is_integer() and abs(value) < 2**63 else value
