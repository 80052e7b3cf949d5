"""What is wrong with a spec, and what to do about it."""

from dataclasses import dataclass

from pydantic import ValidationError

_SCALARS = ("str", "int", "float", "bool")


@dataclass(frozen=True)
class Problem:
    """A field path as a person writes it, and a sentence: what is wrong, a colon, what to do."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def unreadable(error: ValidationError) -> tuple[Problem, ...]:
    """The problems of a spec that passed its schema and yet is no TuningStudySpec.

    That is a list or a mapping where only a string, a number or a boolean can stand, which a structural schema cannot
    say; or an object that was written under another version's schema.
    """
    found: dict[str, Problem] = {}
    for detail in error.errors(include_url=False):
        location = detail["loc"]
        if location and location[-1] in _SCALARS:  # one alternative of a union
            field = _path(location[:-1])
            found[field] = Problem(field, "must be a string, a number or a boolean: replace it")
        else:
            field = _path(location)
            found.setdefault(field, Problem(field, f"{detail['msg']}: correct the field"))
    return tuple(found.values())


def _path(location: tuple[str | int, ...]) -> str:
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
