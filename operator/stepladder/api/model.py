"""The base of every API model: camelCase on the wire, snake_case in Python, frozen, CEL rules beside the fields."""

from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

Scalar = str | int | float | bool
"""A hyperparameter's value."""


def cel(rule: str, message: str, *, field_path: str | None = None) -> dict[str, str]:
    """One `x-kubernetes-validations` entry.

    `message` is all that a user sees: the field and what is wrong with it, a colon, what to do.
    """
    entry = {"rule": rule, "message": message}
    return entry | {"fieldPath": field_path} if field_path else entry


def rules(*entries: dict[str, str]) -> dict[str, Any]:
    """The `json_schema_extra` that carries CEL rules into the generated CRD."""
    return {"x-kubernetes-validations": list(entries)}


def list_map(*keys: str) -> dict[str, Any]:
    """The `json_schema_extra` of a list whose items are found by `keys`, so that server-side apply merges it."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
PRESERVE = "x-kubernetes-preserve-unknown-fields"
ANY_SCALAR: dict[str, Any] = {PRESERVE: True, "maxLength": 1024, "nullable": True}
"""A string, a number or a boolean: a structural schema cannot say so, hence `engine.validation` does. CEL cannot see
such a field at all, not even whether it is there, save when it compares what is around it. Nullable, so that a null
among them is refused by `engine.validation` too: the API server would take it, and then no update of the object, its
status included, because CEL cannot compare what is around a null that should not be."""


class ApiModel(BaseModel):
    """A frozen piece of the API. Unknown fields are the API server's business (it prunes or refuses them)."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", use_enum_values=False
    )

    def wire(self) -> dict[str, JsonValue]:
        """The JSON object as it goes to the API server: camelCase, without what was never set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
