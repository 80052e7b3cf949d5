"""Stopping by extrapolated learning curves (Domhan, Springenberg and Hutter, IJCAI 2015).

A trial is stopped if, by its curve so far, it is less likely than 0.05 to end up better than the best of the others.
One that is already better never is. A curve is judged whenever it has grown by a fifth, in the words of the paper "at
regular intervals", and by what it was then: what has come since waits for the next judgement.
"""

from collections.abc import Sequence
from typing import Final

from stepladder.api.study import Direction, Round
from stepladder.engine.ladder import Ladder, Moves
from stepladder.engine.observed import TrialView, better, rank_key

LEAST_POINTS: Final = 6
IMPROVEMENT_PROBABILITY: Final = 0.05


def split(round_: Round, runs: int) -> tuple[Ladder, ...]:
    """One ladder of one rung, at the top, on which nobody is paused."""
    pruner = round_.pruner
    return (
        Ladder(
            (round_.max_steps,),
            runs,
            pruner.reduction_factor,
            judged_from=pruner.min_steps or 1,
            improvement_probability=pruner.improvement_probability or IMPROVEMENT_PROBABILITY,
        ),
    )


def moves(ladder: Ladder, trials: Sequence[TrialView], direction: Direction) -> Moves:
    """Prune the trials that have not reached the top and hardly will beat the best of the others."""
    under_way = [
        trial for trial in trials if not (trial.ended or trial.reached) and trial.furthest >= ladder.judged_from
    ]
    if not under_way:
        return Moves()
    keys = [(_best(trial, direction), trial.number) for trial in trials if trial.curve]
    first, *others = sorted(keys)[:2]
    prunes = []
    for trial in under_way:
        rival = others[0] if others and trial.number == first[1] else first
        if rival[1] != trial.number and _is_hopeless(ladder, trial, direction, rival[0]):
            prunes.append(trial)
    return Moves(prunes=tuple(prunes))


def judged_length(points: int) -> int:
    """How many points of a curve of so many are looked at: as many as at its last judgement; 0 before the first."""
    length = 0
    following = LEAST_POINTS
    while following <= points:
        length, following = following, max(following + 1, following * 6 // 5)
    return length


def _is_hopeless(ladder: Ladder, trial: TrialView, direction: Direction, rival: float) -> bool:
    if _best(trial, direction) <= rival:
        return False
    curve = [(step, value) for step, value in trial.curve if step > 0]
    curve = curve[: judged_length(len(curve))]
    if not curve or curve[-1][0] < ladder.judged_from:
        return False
    # NumPy and SciPy take a tenth of a second to import, and only this pruner needs them.
    from stepladder.engine.curves.prediction import predict

    steps = tuple(step for step, _ in curve)
    rising = tuple(-rank_key(direction, value) for _, value in curve)
    prediction = predict(steps, rising, ladder.rungs[-1])
    return prediction.probability_above(-rival) < ladder.improvement_probability


def _best(trial: TrialView, direction: Direction) -> float:
    """The trial's best so far, lower being better."""
    last = trial.curve[-1][1]
    if trial.best is not None and better(direction, trial.best.value, last):
        return rank_key(direction, trial.best.value)
    return rank_key(direction, last)
