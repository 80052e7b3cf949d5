"""From pydantic's dialect to that of a CustomResourceDefinition."""

from enum import StrEnum

from pydantic import Field, computed_field

from stepladder.api.model import ANY_SCALAR, ApiModel, Scalar
from stepladder.api.structural import structural


class Colour(StrEnum):
    """A colour."""

    RED = "Red"


class Inner(ApiModel):
    """Something inside."""

    how_many: int = Field(default=3, ge=1, description="A number.")
    at_most: float | None = Field(default=None, gt=0)


class Outer(ApiModel):
    """Something outside."""

    inner: Inner = Inner()
    other: Inner | None = Field(default=None, description="Another one.")
    colour: Colour = Colour.RED
    value: Scalar | None = Field(default=None, json_schema_extra=ANY_SCALAR)
    names: dict[str, str] = Field(default={}, max_length=4)
    must: str

    @computed_field  # type: ignore[prop-decorator]  # mypy cannot see through decorated properties
    @property
    def shown(self) -> str:
        """What a column shows."""
        return self.must


def test_references_are_inlined_and_their_defaults_completed() -> None:
    """The API server fills nested defaults only into an object that is there."""
    inner = structural(Outer)["properties"]["inner"]
    assert inner["properties"]["howMany"] == {
        "type": "integer", "format": "int64", "minimum": 1, "default": 3, "description": "A number."
    }  # fmt: skip
    assert inner["default"] == {"howMany": 3}


def test_optional_means_that_it_may_be_left_out() -> None:
    outer = structural(Outer)
    assert outer["required"] == ["must"]
    assert outer["properties"]["other"]["type"] == "object"
    assert outer["properties"]["other"]["description"] == "Another one."
    assert "default" not in outer["properties"]["other"]


def test_exclusive_bounds_are_flags() -> None:
    """OpenAPI 3.0 as CRDs have it: a number there would be refused."""
    bound = structural(Outer)["properties"]["inner"]["properties"]["atMost"]
    assert (bound["minimum"], bound["exclusiveMinimum"]) == (0, True)


def test_enums_keep_their_default_and_description() -> None:
    colour = structural(Outer)["properties"]["colour"]
    assert colour == {"type": "string", "enum": ["Red"], "default": "Red", "description": "A colour."}


def test_any_scalar_has_no_type() -> None:
    """A type inside anyOf is not structural."""
    assert structural(Outer)["properties"]["value"] == ANY_SCALAR


def test_maps_keep_the_type_of_their_values() -> None:
    names = structural(Outer)["properties"]["names"]
    assert (names["additionalProperties"], names["maxProperties"]) == ({"type": "string"}, 4)


def test_computed_fields_are_known_and_not_demanded() -> None:
    """A status that somebody patches without them would be refused."""
    outer = structural(Outer)
    assert outer["properties"]["shown"] == {"type": "string", "description": "What a column shows."}
    assert "shown" not in outer["required"]
