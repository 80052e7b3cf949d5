"""The termination message: the last word of a segment, which a pod that ends between two scrapes does not lose.

Kubernetes keeps 4096 bytes of it, so the message gives up what matters least until it fits: the oldest evaluations
first, then the length of the explanation, then the provenance, then the paths.
"""

import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stepladder_trainer.outcomes import Reason
from stepladder_trainer.probes.verdict import Verdict, bounded

LIMIT = 4096
SENTENCE = 700

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Best:
    """The best evaluation of the trial so far, and where its weights are, if they were kept."""

    step: int
    value: float
    checkpoint: str | None


@dataclass(frozen=True)
class Termination:
    """How a segment ended. `value` is the objective at `step`; steps count from the trial's beginning."""

    reason: Reason
    from_step: int = 0
    step: int = 0
    value: float | None = None
    evaluations: Sequence[tuple[int, float]] = ()
    best: Best | None = None
    checkpoint: str | None = None
    trained_steps: int = 0
    seconds: float = 0.0
    message: str = ""
    verdict: Verdict | None = None
    provenance: dict[str, str] = field(default_factory=dict)


def encode(termination: Termination) -> str:
    """One line of ASCII JSON of at most `LIMIT` bytes, with as many of the newest evaluations as fit."""
    compact = replace(termination, message=" ".join(termination.message.split()), evaluations=_finite(termination))
    reductions: tuple[Callable[[Termination], Termination], ...] = (
        lambda it: it,
        lambda it: replace(it, message=_shortened(it.message, SENTENCE)),
        lambda it: replace(it, message=_shortened(it.message, SENTENCE // 4)),
        lambda it: replace(it, provenance={}),
        lambda it: replace(it, checkpoint=None, best=replace(it.best, checkpoint=None) if it.best else None),
    )
    for reduce in reductions:
        compact = reduce(compact)
        room = LIMIT - len(_line(replace(compact, evaluations=())))
        if room >= 0:
            return _line(replace(compact, evaluations=_newest(compact.evaluations, room)))
    raise AssertionError("a message without text, provenance and paths is far shorter than the limit")


def write(path: Path, termination: Termination) -> None:
    """Write the message to `path`. A path that cannot be written is logged: the exit code still speaks."""
    line = encode(termination)
    try:
        path.write_text(line + "\n" if len(line) < LIMIT else line, encoding="ascii")
    except OSError as error:
        logger.error("the termination message could not be written to %s (%s): %s", path, error, line)


def _line(termination: Termination) -> str:
    best = termination.best
    value = termination.value
    document: dict[str, object] = {
        "reason": termination.reason.value,
        "fromStep": termination.from_step,
        "step": termination.step,
        "value": value if value is not None and math.isfinite(value) else None,
        "evaluations": termination.evaluations,
        "best": {"step": best.step, "value": best.value, "checkpoint": best.checkpoint} if best else None,
        "checkpoint": termination.checkpoint,
        "trainedSteps": termination.trained_steps,
        "seconds": round(termination.seconds, 3),
        "message": termination.message,
        "provenance": termination.provenance,
    }
    if termination.verdict is not None:
        document["verdict"] = bounded(termination.verdict).document()
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def _finite(termination: Termination) -> list[tuple[int, float]]:
    return [(step, value) for step, value in termination.evaluations if math.isfinite(value)]


def _newest(evaluations: Sequence[tuple[int, float]], room: int) -> list[tuple[int, float]]:
    kept: list[tuple[int, float]] = []
    for evaluation in reversed(evaluations):
        room -= len(json.dumps(evaluation, separators=(",", ":"))) + 1
        if room < -1:  # the first pair needs no comma
            break
        kept.insert(0, evaluation)
    return kept


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
