"""The steps at which a ladder's trials are judged. Integers only: floating logarithms are wrong at 3^5 and 10^3."""


def rung_steps(max_steps: int, min_steps: int, reduction_factor: int) -> tuple[int, ...]:
    """The rungs of a ladder in steps, ascending: `max_steps // reduction_factor**k` for as long as that is at least
    `min_steps`. The top rung is `max_steps` exactly.

    Raises ValueError if no ladder can be built so.
    """
    if not 1 <= min_steps <= max_steps:
        raise ValueError(f"minSteps must lie between 1 and maxSteps {max_steps}, not {min_steps}")
    if reduction_factor < 2:
        raise ValueError(f"reductionFactor must be at least 2, not {reduction_factor}")
    rungs = []
    steps = max_steps
    while steps >= min_steps:
        rungs.append(steps)
        steps //= reduction_factor
    return tuple(reversed(rungs))


def rungs_upwards(max_steps: int, min_steps: int, reduction_factor: int) -> tuple[int, ...]:
    """The rungs of a ladder in steps, ascending: `min_steps * reduction_factor**k` below `max_steps`, and `max_steps`.

    The lowest is `min_steps` exactly, so that all rungs but the top one are where a trainer that evaluates every
    `min_steps` does so. One that would be within a third of the top is left out.

    Raises ValueError if no ladder can be built so.
    """
    rung_steps(max_steps, min_steps, reduction_factor)
    rungs = []
    steps = min_steps
    while 3 * steps <= 2 * max_steps:
        rungs.append(steps)
        steps *= reduction_factor
    return (*rungs, max_steps)
