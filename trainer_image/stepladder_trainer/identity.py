"""Whose a checkpoint is: what it and the trial that resumes from it must have in common, and where they differ."""

from collections.abc import Iterator, Mapping


def differences(theirs: object, ours: object, name: str = "") -> Iterator[str]:
    """`parameters.width 8 and not 64`, for each value in which a checkpoint's identity is not that of the trial."""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        for key in dict.fromkeys([*theirs, *ours]):
            yield from differences(theirs.get(key), ours.get(key), f"{name}.{key}" if name else str(key))
    elif theirs != ours:
        yield f"{name} {_told(theirs)} and not {_told(ours)}"


def _told(value: object) -> str:
    return "none" if value is None else str(value)
