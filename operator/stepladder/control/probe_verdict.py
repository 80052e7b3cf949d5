"""A probe's verdict out of a trainer's last words: bounded, whatever a foreign image sends."""

from typing import Any, Final

from stepladder.api.probes import ProbeType, ProbeVerdict
from stepladder.control.observing import finite

SUMMARY_LIMIT: Final = 1024
PLACE_LIMIT: Final = 1024
NAME_LIMIT: Final = 128
SUGGESTIONS_LIMIT: Final = 32
FLAG_LIMIT: Final = 64
KEY_LIMIT: Final = 64
MEASURED_ON_LIMIT: Final = 512
FLAGS_LIMIT: Final = 16


def probe_verdict(told: Any) -> ProbeVerdict | None:
    """The verdict; None where there is none, or none of a type that is known. What of it is no use is left out:
    suggestions that are no finite numbers, flags that are no text, places that are too long to be one."""
    if not isinstance(told, dict) or told.get("type") not in [*ProbeType]:
        return None
    suggestions, flags = told.get("suggestions"), told.get("flags")
    return ProbeVerdict(
        type=ProbeType(told["type"]),
        summary=_text(told.get("summary"))[:SUMMARY_LIMIT],
        suggestions=dict(_numbers(suggestions)[:SUGGESTIONS_LIMIT]) if isinstance(suggestions, dict) else {},
        flags=tuple(_words(flags)[:FLAGS_LIMIT]) if isinstance(flags, list) else (),
        picture=_place(told.get("picture")),
        data=_place(told.get("data")),
        key=_text(told.get("key"))[:KEY_LIMIT] or None,
        measured_on=_text(told.get("measuredOn"))[:MEASURED_ON_LIMIT] or None,
    )


def _numbers(told: dict[str, Any]) -> list[tuple[str, float]]:
    found = ((_text(name)[:NAME_LIMIT], finite(value)) for name, value in told.items())
    return [(name, value) for name, value in found if name and value is not None]


def _words(told: list[Any]) -> list[str]:
    return list(dict.fromkeys(word[:FLAG_LIMIT] for flag in told if (word := _text(flag))))


def _place(told: Any) -> str | None:
    place = _text(told)
    return place if 0 < len(place) <= PLACE_LIMIT else None


def _text(told: Any) -> str:
    """Text that is one line and that UTF-8 can carry (JSON can say half of a surrogate pair); nothing for all else."""
    return " ".join(told.encode(errors="replace").decode().split()) if isinstance(told, str) else ""
