"""Who is next to climb from a rung, without ranking thousands of trials for the one that has changed."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from operator import itemgetter

from stepladder.api.study import Direction
from stepladder.engine.groups import REMEMBERED, in_groups
from stepladder.engine.ladder import can_climb_from, ranked
from stepladder.engine.observed import TrialView, rank_key

Place = tuple[float, int]  # rank key and number: lower is better


@dataclass(frozen=True)
class _Standing:
    """Where the trials of one group stand at one rung, best first."""

    waiting: Sequence[tuple[Place, TrialView]]  # neither ended nor promoted from it
    passed: Sequence[Place]  # the others that count


def climbers(
    trials: Sequence[TrialView], rungs: tuple[int, ...], direction: Direction, eta: int, least: Sequence[int] = ()
) -> list[list[TrialView]]:
    """For each of `rungs`, those of the best `results // eta` there that have not been promoted from it, best first.

    `least`: how many of the best they are at least, for each of `rungs`; none if not given.
    """
    standings = [_standings(group, rungs, direction) for group in in_groups(trials)]
    at_rungs = zip(zip(*standings, strict=True), least or [0] * len(rungs), strict=bool(trials))
    return [list(_climbers(at_rung, eta, floor)) for at_rung, floor in at_rungs]


def _climbers(standings: Sequence[_Standing], eta: int, floor: int) -> Iterator[TrialView]:
    waiting = [standing.waiting for standing in standings if standing.waiting]
    passed = [standing.passed for standing in standings if standing.passed]
    kept = max(floor, (sum(map(len, waiting)) + sum(map(len, passed))) // eta)
    first = min([there[0][0] for there in waiting], default=None)
    # Mostly the best have been promoted already: then the others need not even be merged.
    if first is None or sum([bisect_left(places, first) for places in passed]) >= kept:
        return
    for before, (place, trial) in enumerate(merge(*waiting, key=itemgetter(0))):
        if before + sum([bisect_left(places, place) for places in passed]) >= kept:
            return
        yield trial


@lru_cache(maxsize=REMEMBERED)
def _standings(trials: tuple[TrialView, ...], rungs: tuple[int, ...], direction: Direction) -> tuple[_Standing, ...]:
    return tuple(_standing(trials, rung, direction) for rung in rungs)


def _standing(trials: Sequence[TrialView], rung: int, direction: Direction) -> _Standing:
    waiting: list[tuple[Place, TrialView]] = []
    passed: list[Place] = []
    for trial in ranked(trials, rung, direction):
        place = rank_key(direction, trial.results[rung]), trial.number
        if can_climb_from(trial, rung):
            waiting.append((place, trial))
        else:
            passed.append(place)
    return _Standing(waiting, passed)
