"""Which checkpoints are kept. Pure."""

from collections.abc import Collection, Sequence

NEWEST = 2  # the newest, and the one before in case the newest rots
KEEP_BEST = 3


def best_of(ranking: Sequence[int], saved: Collection[int], count: int) -> list[int]:
    """The `count` best steps that have a checkpoint, best first. `ranking` holds the evaluated steps, best first."""
    return [step for step in ranking if step in saved][:count]


def retained(saved: Collection[int], ranking: Sequence[int], keep_best: int = KEEP_BEST) -> set[int]:
    """Of the `saved` steps those to keep: the newest two, from which training goes on, and the `keep_best` best by all
    that is known now, since which of them is the best is chosen at the end."""
    return {*sorted(saved)[-NEWEST:], *best_of(ranking, saved, keep_best)}
