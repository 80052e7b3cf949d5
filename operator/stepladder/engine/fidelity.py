"""How well a cheap measurement ranks what a dear one would: Spearman's correlation between fidelities.

The fidelities are the rungs of a ladder, and the rounds that `from` links: fewer steps, less data, a smaller model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import StatisticsError, correlation

from stepladder.api.study import Direction, PrunerAlgorithm, Round, TuningStudySpec
from stepladder.engine.observed import TrialView, rank_key
from stepladder.engine.pruners import POLICIES
from stepladder.engine.ranking import Configuration, best_configurations
from stepladder.engine.rounds import by_round

FEWEST: int = 3  # pairs, below which a rank correlation is 1 or -1
LADDERS = (
    PrunerAlgorithm.SUCCESSIVE_HALVING,
    PrunerAlgorithm.HYPERBAND,
    PrunerAlgorithm.ASHA,
    PrunerAlgorithm.FREEZE_THAW,
)


@dataclass(frozen=True)
class Agreement:
    """How the ranks at two fidelities agree. Only what was promoted or moved is measured at both: the best, among
    which ranks agree less than among all."""

    low: str
    high: str
    pairs: int
    spearman: float


def agreements(spec: TuningStudySpec, trials: Sequence[TrialView]) -> tuple[Agreement, ...]:
    """Between each two neighbouring rungs of every round, and between each round and the one that it starts from.

    Those with fewer than three pairs, or of which one side is all equal, are left out.
    """
    of_round = by_round(trials)
    found = []
    for round_ in spec.rounds:
        here = of_round.get(round_.name, [])
        measured = [
            *_between_rungs(round_, here),
            *_between_rounds(spec, round_, of_round.get(_source(round_), []), here),
        ]
        for low, high, pairs in measured:
            rho = spearman([a for a, _ in pairs], [b for _, b in pairs])
            if rho is not None:
                found.append(Agreement(low, high, len(pairs), rho))
    return tuple(found)


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation in [-1, 1], equal values sharing the mean of their ranks; None if it says nothing."""
    if len(first) < FEWEST:
        return None
    try:
        return correlation(_ranks(first), _ranks(second))
    except StatisticsError:  # one side is all equal
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    return [sum(other < value for other in values) + (values.count(value) - 1) / 2 for value in values]


def _source(round_: Round) -> str:
    return round_.from_.round if round_.from_ is not None else ""


def _between_rungs(round_: Round, trials: Sequence[TrialView]) -> Iterator[tuple[str, str, list[tuple[float, float]]]]:
    pruner = round_.pruner
    if pruner.algorithm not in LADDERS or pruner.min_steps is None:
        return
    rungs = sorted({rung for ladder in POLICIES[pruner.algorithm].split(round_, len(trials)) for rung in ladder.rungs})
    for low, high in pairwise(rungs):
        pairs = [(t.results[low], t.results[high]) for t in trials if low in t.results and high in t.results]
        yield f"{round_.name} at {low:,} steps", f"{high:,} steps", pairs


def _between_rounds(
    spec: TuningStudySpec, round_: Round, source: Sequence[TrialView], here: Sequence[TrialView]
) -> Iterator[tuple[str, str, list[tuple[float, float]]]]:
    if round_.from_ is None:
        return
    direction = spec.objective.direction
    started_from = best_configurations(direction, source, round_.from_.best)  # by its number in the new round
    before = _places(direction, started_from)
    ended = best_configurations(direction, here, len(here))
    then = dict(zip((c.runs[0].configuration for c in ended), _places(direction, ended), strict=True))
    pairs = [(place, then[number]) for number, place in enumerate(before) if number in then]
    yield f"round {round_.from_.round}", f"round {round_.name}", pairs


def _places(direction: Direction, configurations: Sequence[Configuration]) -> list[float]:
    """By steps, then by value: one that was pruned early is worse than any that went further, whatever their values."""
    standings = [(-c.step, rank_key(direction, c.value)) for c in configurations]
    order = sorted(set(standings))
    return [float(order.index(standing)) for standing in standings]
