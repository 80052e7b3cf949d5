"""Cycles: cosine with warm restarts, and Smith's between a base and the peak."""

import math
from collections.abc import Callable

from stepladder_trainer.schedules.request import Request, Shape


def cosine_restarts(request: Request) -> Shape:
    """SGDR (Loshchilov and Hutter 2017, arXiv 1608.03983, equation 5): half a wave from the peak down to `decay_to`,
    again and again, each `restart_multiplier` times as long as the last. Longer runs have more cycles."""
    point, low = request.point, request.point.decay_to
    first = point.restart_period or _part(request, 1 + point.restart_multiplier + point.restart_multiplier**2)

    def factor(update: int) -> float:
        period = first
        if point.restart_multiplier == 1:
            update %= period
        while update >= period:
            update, period = update - period, period * point.restart_multiplier
        return min(1.0, low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * update / period)))

    return factor


def triangular(request: Request) -> Shape:
    """Smith 2017 (arXiv 1506.01186): straight up from `cycle_base` to the peak and down again."""
    return _cycles(request, lambda cycle, update: 1.0)


def triangular2(request: Request) -> Shape:
    """The same, each cycle half as high above the base as the last."""
    return _cycles(request, lambda cycle, update: 0.5 ** (cycle - 1))


def exp_range(request: Request) -> Shape:
    """The same, the height shrinking by `cycle_gamma` in every update."""
    return _cycles(request, lambda cycle, update: request.point.cycle_gamma**update)


def _cycles(request: Request, height: Callable[[int, int], float]) -> Shape:
    """`height`: from the cycle, the first being 1, and the update."""
    base, half = request.point.cycle_base, request.point.cycle_steps or _part(request, 8)

    def factor(update: int) -> float:
        cycle = 1 + update // (2 * half)
        distance = abs(update / half - 2 * cycle + 1)
        return min(1.0, base + (1.0 - base) * max(0.0, 1.0 - distance) * height(cycle, update))

    return factor


def _part(request: Request, parts: int) -> int:
    """Updates of one of so many parts of what follows the warmup, rounded up."""
    return -(-request.updates // parts)
