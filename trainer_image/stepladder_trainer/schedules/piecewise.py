"""Constant pieces, as in the training of ResNets (He et al. 2016: a tenth at 1/2 and at 3/4 of the steps)."""

from bisect import bisect_right
from itertools import pairwise

from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.schedules.request import Request, Shape


def piecewise(request: Request) -> Shape:
    """The peak, and from each boundary on that part of it. Boundaries are parts of the horizon, the warmup included."""
    pieces = parse(request.point.pieces)
    starts = [round(start * request.horizon) for start, _ in pieces]
    factors = [1.0, *(factor for _, factor in pieces)]
    return lambda update: factors[bisect_right(starts, update + request.point.warmup_steps)]


def parse(text: str) -> list[tuple[float, float]]:
    """`0.5:0.1,0.75:0.01` -> [(0.5, 0.1), (0.75, 0.01)]. Raises ConfigurationError."""
    try:
        pieces = [(float(start), float(factor)) for start, factor in (piece.split(":") for piece in text.split(","))]
    except ValueError:
        raise _wrong(text) from None
    starts = [0.0, *(start for start, _ in pieces), 1.0]
    rising = all(earlier < later for earlier, later in pairwise(starts))
    if not rising or not all(0 <= factor <= 1 for _, factor in pieces):
        raise _wrong(text)
    return pieces


def _wrong(text: str) -> ConfigurationError:
    return ConfigurationError(
        f"parameter pieces must be like 0.5:0.1,0.75:0.01 (part of the horizon:part of the peak, the first ones rising "
        f"and between 0 and 1, the second ones 0 to 1), not {text!r}"
    )
