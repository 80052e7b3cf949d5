"""Too little memory, in a sentence: allocators tell a paragraph of their own state, or nothing at all."""

import re

from stepladder_trainer.outcomes import Reason, TrialError, reason_of

ASKED = re.compile(r"(?:tried to allocate|unable to allocate) (\d[\d.]*) ?([kmgt]i?b|bytes)", re.IGNORECASE)
ON_GPU = ("CUDA", "cuda", "CUBLAS", "CUDNN", "HIP")
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def sentence_of(error: BaseException) -> str:
    """What an ending says of `error` to people: its own words, unless it is an allocator's."""
    told = str(error) or type(error).__name__
    if isinstance(error, TrialError) or reason_of(error) is not Reason.OUT_OF_MEMORY:
        return told
    on_gpu = any(sign in told for sign in ON_GPU)
    place, more = ("GPU", "a larger GPU or part of one") if on_gpu else ("host", "a higher memory limit")
    asked = ASKED.search(told)
    said = f"{_readable(asked[1], asked[2])} more were asked for" if asked else str(error).partition("\n")[0]
    why = f" ({said})" if said else ""
    return f"out of {place} memory{why}: lower batch_size or the model's size, or give the trial {more}"


def _readable(number: str, unit: str) -> str:
    """PyTorch's CPU allocator counts in bytes."""
    value, power = float(number), 0
    if unit != "bytes":
        return f"{number} {unit}"
    while value >= 1024 and power < len(UNITS) - 1:
        value, power = value / 1024, power + 1
    return f"{value:.3g} {UNITS[power]}"
