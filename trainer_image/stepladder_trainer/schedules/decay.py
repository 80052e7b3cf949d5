"""One fall to the end of the horizon, or none.

In a longer round the fall keeps its length if `decay_steps` is given (the playbook's rule for linear decay: the
constant part in front grows), and is stretched if not (its rule for cosine); with `constant_fraction` both parts are.
"""

import math
from collections.abc import Callable

from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.schedules.request import Request, Shape


def constant(request: Request) -> Shape:
    """The peak, always."""
    return lambda update: 1.0


def linear(request: Request) -> Shape:
    """A straight line."""
    return _falling(request, lambda progress: 1.0 - progress)


def cosine(request: Request) -> Shape:
    """Half a wave (Loshchilov and Hutter 2017, without restarts)."""
    return _falling(request, lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)))


def exponential(request: Request) -> Shape:
    """By the same ratio in every update. Raises ConfigurationError without a `decay_to`: it never reaches 0."""
    end = request.point.decay_to
    if end == 0:
        raise ConfigurationError("schedule exponential never reaches 0: give a decay_to above 0, such as 0.01")
    progress = _progress(request)
    return lambda update: float(end ** progress(update))


def _falling(request: Request, fall: Callable[[float], float]) -> Shape:
    end, progress = request.point.decay_to, _progress(request)
    return lambda update: min(1.0, end + (1.0 - end) * fall(progress(update)))


def _progress(request: Request) -> Callable[[int], float]:
    """The part of the fall that is done: near 1 at the horizon's last update, 1 beyond it."""
    point = request.point
    if point.constant_fraction:
        start = max(0.0, point.constant_fraction * request.horizon - point.warmup_steps)
    else:
        start = request.updates - min(point.decay_steps or request.updates, request.updates)
    length = request.updates - start
    return lambda update: min(1.0, max(0, update - start) / length)
