"""No pruning: one rung, at the top. Every configuration is trained to the end."""

from stepladder.api.study import Round
from stepladder.engine.ladder import Ladder


def split(round_: Round, runs: int) -> tuple[Ladder, ...]:
    """One ladder of one rung, which is never ranked."""
    return (Ladder((round_.max_steps,), runs, round_.pruner.reduction_factor),)
