"""Hyperband (Li et al., JMLR 18 (2018) 185): brackets of successive halving, from many short to few long runs."""

from itertools import chain, repeat

from stepladder.api.study import BracketSizing, Round
from stepladder.engine.ladder import Ladder
from stepladder.engine.rungs import rung_steps


def bracket_size(sizing: BracketSizing, most: int, s: int, reduction_factor: int) -> int:
    """How many configurations bracket `s` of `most` .. 0 starts with.

    The paper contradicts itself. Algorithm 1 says ceil(B/R * eta^s / (s+1)) with B/R = most + 1; Table 1 shows
    floor((most+1) / (s+1)) * eta^s.
    """
    growth: int = reduction_factor**s
    if sizing is BracketSizing.TABLE_1:
        return (most + 1) // (s + 1) * growth
    return -(-(most + 1) * growth // (s + 1))


def brackets(round_: Round) -> tuple[Ladder, ...]:
    """One pass of Hyperband over the round's rungs, the most aggressive bracket first."""
    pruner = round_.pruner
    rungs = rung_steps(round_.max_steps, pruner.min_steps or round_.max_steps, pruner.reduction_factor)
    most = len(rungs) - 1
    return tuple(
        Ladder(
            rungs[most - s :],
            bracket_size(pruner.bracket_sizing, most, s, pruner.reduction_factor),
            pruner.reduction_factor,
        )
        for s in range(most, -1, -1)
    )


def split(round_: Round, runs: int) -> tuple[Ladder, ...]:
    """Pass after pass of brackets until all runs have one; the last bracket is cut to what remains."""
    ladders: list[Ladder] = []
    for bracket in chain.from_iterable(repeat(brackets(round_))):
        if runs <= 0:
            break
        ladders.append(Ladder(bracket.rungs, min(bracket.size, runs), bracket.reduction_factor))
        runs -= bracket.size
    return tuple(ladders)
