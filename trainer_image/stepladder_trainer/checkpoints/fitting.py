"""A checkpoint's content put into the parts that go on from it, or one sentence that says where the two differ."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from stepladder_trainer import randomness
from stepladder_trainer.outcomes import ConfigurationError, Reason, reason_of

CONTENT: Final = ("identity", "parts", "random", "evaluations")
AGAIN: Final = "go on with the code and the settings that wrote it, or remove the checkpoints to start anew"


def check_content(content: Any, path: str) -> None:
    """Raises ConfigurationError unless `content`, read from `path`, is a training state of this package's."""
    lacking = [name for name in CONTENT if not isinstance(content, Mapping) or name not in content]
    if lacking or not isinstance(content["parts"], Mapping):
        raise ConfigurationError(
            f"{path} holds no training state that this version knows (no {', '.join(lacking) or 'parts'}): {AGAIN}"
        )


def fit(parts: Mapping[str, Any], content: Mapping[str, Any], path: str) -> None:
    """Let `parts` and the global generators take the state over. Raises ConfigurationError naming the first thing that
    does not fit."""
    states = content["parts"]
    for name, part in parts.items():
        if name not in states:
            there = ", ".join(map(str, states)) or "none"
            raise ConfigurationError(
                f"{path} does not fit this training code: it has no part {name}, only {there}: {AGAIN}"
            )
        try:
            part.load_state_dict(states[name])
        except (RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
            if reason_of(error) is Reason.OUT_OF_MEMORY:
                raise
            misfit = _misfit(states[name], part, name) or f"{name}: {_first_line(error)}"
            raise ConfigurationError(f"{path} does not fit this training code: {misfit}: {AGAIN}") from error
    try:
        randomness.set_global_states(content["random"])
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} holds random states that this Python, NumPy or PyTorch does not take ({_first_line(error)}): "
            "go on with the image that wrote it"
        ) from error


def _misfit(state: Any, part: Any, name: str) -> str | None:
    with suppress(Exception):  # a part that could not be restored may not be able to tell its state
        return next(misfits(state, part.state_dict(), name), None)
    return None


def misfits(theirs: Any, ours: Any, name: str) -> Iterator[str]:
    """Where two states differ in names, lengths or shapes: `model.head.bias has shape (3,) there and (8,) here`.
    What one of them has not begun to keep, as an optimizer before its first update, is no difference."""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        if not theirs or not ours:
            return
        for key in dict.fromkeys([*theirs, *ours]):
            if key not in theirs or key not in ours:
                yield f"{name}.{key} is not in {'the checkpoint' if key not in theirs else 'this code'}"
            else:
                yield from misfits(theirs[key], ours[key], f"{name}.{key}")
    elif _listed(theirs) and _listed(ours):
        if len(theirs) != len(ours):
            yield f"{name} has {len(theirs)} entries there and {len(ours)} here"
        for place, pair in enumerate(zip(theirs, ours, strict=False)):
            yield from misfits(*pair, f"{name}.{place}")
    elif hasattr(theirs, "shape") and hasattr(ours, "shape") and theirs.shape != ours.shape:
        yield f"{name} has shape {tuple(theirs.shape)} there and {tuple(ours.shape)} here"


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return lines[0].rstrip(".:") if lines else type(error).__name__
