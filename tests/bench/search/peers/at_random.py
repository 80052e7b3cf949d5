"""Random search, every trial to the end."""

from collections.abc import Iterator, Mapping
from itertools import count

import numpy as np

from bench.search.problems import Problem
from bench.search.race import Decision, Take
from stepladder.api.model import Scalar
from stepladder.search.space import Space


def draws(space: Space, seed: int) -> Iterator[dict[str, Scalar]]:
    """Independent uniform draws from the space, without end; conditional parameters where they exist."""
    rng = np.random.default_rng(seed)
    while True:
        yield space.resolve(lambda axis: axis.value(rng.random()))


class RandomSearch:
    """Draws, and never stops a trial."""

    def __init__(self, proposals: Iterator[Mapping[str, Scalar]]) -> None:
        self._proposals = proposals
        self._numbers = count()

    def start(self, take: Take) -> int | None:
        """The next draw."""
        number = next(self._numbers)
        return None if take(number, next(self._proposals)) is None else number

    def report(self, trial: int, evaluation: int, value: float) -> Decision:
        """On to the end."""
        return Decision.CONTINUE

    def diverged(self, trial: int) -> None:
        """Nothing is learnt from it."""


def to_the_end(problem: Problem, seed: int) -> RandomSearch:
    """Random search."""
    return RandomSearch(draws(problem.space, seed))
