"""What a probe ends in: one sentence, numbers to try, words that warn, and where picture and points are."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

LIMIT = 2000  # bytes of its JSON, of the 4096 that Kubernetes keeps of a termination message
SENTENCE = 600
WORDS = 400


@dataclass(frozen=True)
class Verdict:
    """What a probe has found. `suggestions`: by the hyperparameter's name, or by that of the rule they follow.
    `measured_on`, and as a short `key`: what it holds for, where that is not the configuration alone."""

    type: str
    summary: str
    suggestions: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    picture: str | None = None
    data: str | None = None
    key: str | None = None
    measured_on: str | None = None

    def document(self) -> dict[str, object]:
        """As JSON has it."""
        holds_for = {"key": self.key, "measuredOn": self.measured_on}
        return {
            "type": self.type,
            "summary": self.summary,
            "suggestions": dict(self.suggestions),
            "flags": list(self.flags),
            "picture": self.picture,
            "data": self.data,
            **{name: text for name, text in holds_for.items() if text is not None},
        }


def bounded(verdict: Verdict, limit: int = LIMIT) -> Verdict:
    """`verdict` with a JSON of at most `limit` bytes: it gives up the length of its sentence, then the paths, the
    words of what was measured, the last flags and suggestions. Suggestions that are not finite are left out."""
    finite = {name: value for name, value in verdict.suggestions.items() if math.isfinite(value)}
    told = _shortened(verdict.measured_on, WORDS) if verdict.measured_on else None
    verdict = replace(verdict, suggestions=finite, summary=" ".join(verdict.summary.split()), measured_on=told)
    reductions: tuple[Callable[[Verdict], Verdict], ...] = (
        lambda it: replace(it, summary=_shortened(it.summary, SENTENCE)),
        lambda it: replace(it, picture=None, data=None),
        lambda it: replace(it, summary=_shortened(it.summary, SENTENCE // 4)),
        lambda it: replace(it, measured_on=None),
        lambda it: replace(it, flags=it.flags[:4]),
        lambda it: replace(it, suggestions=dict(list(it.suggestions.items())[:8])),
    )
    for reduce in reductions:
        if _size(verdict) <= limit:
            break
        verdict = reduce(verdict)
    return verdict


def _size(verdict: Verdict) -> int:
    return len(json.dumps(verdict.document(), separators=(",", ":"), allow_nan=False))


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
