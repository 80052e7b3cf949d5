"""What a round will cost in steps, before it has begun."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from stepladder.api.study import PrunerAlgorithm, Round, TuningStudySpec
from stepladder.engine import probes
from stepladder.engine.ladder import Ladder
from stepladder.engine.pruners import POLICIES
from stepladder.engine.rounds import layout
from stepladder.engine.space import settings

_SYNCHRONOUS = (PrunerAlgorithm.NONE, PrunerAlgorithm.SUCCESSIVE_HALVING, PrunerAlgorithm.HYPERBAND)


@dataclass(frozen=True)
class Climb:
    """How many runs of a ladder are trained to each rung, if all goes by plan and nobody fails."""

    rungs: tuple[int, ...]  # steps
    runs: tuple[int, ...]  # trained to each

    @property
    def steps(self) -> int:
        """Steps in all, each rung continuing from the one below."""
        return sum(n * (above - below) for n, (below, above) in zip(self.runs, pairwise((0, *self.rungs)), strict=True))


@dataclass(frozen=True)
class Forecast:
    """Steps of a round."""

    climbs: tuple[Climb, ...]  # none where the pruner has no rungs that could be told beforehand
    planned: int | None  # None where it hangs on the results
    worst: int
    full: int  # every run trained to the end


def forecast(spec: TuningStudySpec, round_: Round) -> Forecast:
    """Of one round. Raises ValueError for circular conditions.

    Synchronous rungs cost what is planned, whatever the results. ASHA promotes whoever is good at the time: if every
    trial is better than all before it, all of a rung but `reductionFactor - 1` go on. Others may train all to the end.
    """
    configurations = round_.from_.best if round_.from_ else round_.proposals
    if round_.probe is not None:
        most, sure = probes.steps(round_.probe, round_.max_steps)
        worst = configurations * round_.repeats * most
        return Forecast((), worst if sure else None, worst, worst)
    full = configurations * round_.repeats * round_.max_steps
    algorithm = round_.pruner.algorithm
    if algorithm not in (*_SYNCHRONOUS, PrunerAlgorithm.ASHA) or algorithm not in POLICIES:
        return Forecast((), None, full, full)
    shares = 1 if round_.from_ else len(settings(spec, round_))
    ladders = layout(round_, shares, configurations).ladders
    climbs = tuple(Climb(ladder.rungs, _halved(ladder)) for ladder in ladders)
    planned = worst = sum(climb.steps for climb in climbs)
    if algorithm is PrunerAlgorithm.ASHA:
        worst = sum(Climb(ladder.rungs, _improving(ladder)).steps for ladder in ladders)
    return Forecast(climbs, planned, worst, full)


def _halved(ladder: Ladder) -> tuple[int, ...]:
    return _thinned(ladder, lambda entered: entered // ladder.reduction_factor)


def _improving(ladder: Ladder) -> tuple[int, ...]:
    return _thinned(ladder, lambda entered: entered - ladder.reduction_factor + 1)


def _thinned(ladder: Ladder, promoted: Callable[[int], int]) -> tuple[int, ...]:
    runs = [ladder.size]
    while len(runs) < len(ladder.rungs):
        runs.append(max(1, promoted(runs[-1])))
    return tuple(runs)
