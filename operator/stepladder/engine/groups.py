"""Thousands of trials, of which one has changed: what is worked out for small groups of them holds for all others."""

from collections.abc import Iterator, Sequence
from typing import Final

from stepladder.engine.observed import TrialView

GROUP: Final = 32
REMEMBERED: Final = 2048  # groups, for an lru_cache; a view stands for one state of a trial and is equal to itself only


def in_groups(trials: Sequence[TrialView]) -> Iterator[tuple[TrialView, ...]]:
    """The trials in order, in tuples that are equal from call to call where none of their trials has changed."""
    together = tuple(trials)
    return (together[start : start + GROUP] for start in range(0, len(together), GROUP))
