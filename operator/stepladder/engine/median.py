"""The median stopping rule (Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, 3.2.2).

A trial is stopped at step s if its best objective up to s is strictly worse than the median, over the other trials, of
the running averages of their objectives up to s. Vizier takes the completed trials; ours are all trials of the ladder
that have reported at s, those that still run, and those that were pruned later, included. Averages over a whole curve
are lenient: what a trial has to beat is how the others did on their way, not where they are. A trial is not judged
before its fourth evaluation.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, compress
from math import isclose
from operator import is_not
from typing import Final

from stepladder.api.study import Direction, Round
from stepladder.engine.ladder import Ladder, Moves
from stepladder.engine.observed import TrialView, rank_key

STARTUP_TRIALS: Final = 5  # so many others must have reported at a step before anyone is judged there
STARTUP_EVALUATIONS: Final = 4
"""So many evaluations a trial is given: Katib's default (`start_step`). Judged at its first, half of all are gone
before they have learnt anything, and on noisy curves a target then takes more steps than with no pruning at all."""


def split(round_: Round, runs: int) -> tuple[Ladder, ...]:
    """One ladder of one rung, at the top, on which nobody is paused."""
    pruner = round_.pruner
    return (Ladder((round_.max_steps,), runs, pruner.reduction_factor, judged_from=pruner.min_steps or 1),)


def moves(ladder: Ladder, trials: Sequence[TrialView], direction: Direction) -> Moves:
    """Prune, of the trials that have not reached the top, each that is worse than the median at its newest step."""
    averages = _averages(trials[0].name, ladder.rungs[-1], direction)
    averages.see(trials)
    due = (number for number in averages.under_way if averages.falls_behind(number, ladder.judged_from))
    return Moves(prunes=tuple(averages.under_way[number] for number in sorted(due)))


class RunningAverages:
    """The running averages of a ladder's trials, sorted at each step. Lower is better, whatever the direction.

    It is brought up to date by looking at whose view has changed, since a judgement at every evaluation of thousands
    of trials cannot afford to average them all again. What it answers depends on the views alone.
    """

    def __init__(self, direction: Direction) -> None:
        self.under_way: dict[int, TrialView] = {}  # by number: those that have not ended or reached the top
        self._direction = direction
        self._last: tuple[TrialView, ...] = ()
        self._seen: dict[int, TrialView] = {}  # by number
        self._averages: dict[int, dict[int, float]] = {}  # by number, by step
        self._at: dict[int, list[float]] = {}  # by step, sorted
        self._best: dict[int, float] = {}  # by number

    def see(self, trials: Sequence[TrialView]) -> None:
        """These are all trials of the ladder, as they are now."""
        changed = compress(trials, map(is_not, trials, self._last))
        for trial in (*changed, *trials[len(self._last) :]):
            if self._seen.get(trial.number) is not trial:
                self._replace(trial.number, trial)
        if len(self._seen) > len(trials):
            for number in self._seen.keys() - {trial.number for trial in trials}:
                self._replace(number, None)
        self._last = tuple(trials)

    def falls_behind(self, number: int, judged_from: int) -> bool:
        """Whether the trial's best so far is worse than the median of the others' averages up to its newest step."""
        trial = self._seen[number]
        if trial.furthest < judged_from or len(trial.curve) < STARTUP_EVALUATIONS:
            return False
        sorted_, own = self._at[trial.furthest], self._averages[number][trial.furthest]
        others = len(sorted_) - 1
        if others < STARTUP_TRIALS:
            return False
        place = bisect_left(sorted_, own)
        low, high = (others - 1) // 2, others // 2
        median = (sorted_[low + (low >= place)] + sorted_[high + (high >= place)]) / 2
        # Averages of equal values are not quite equal to them: whoever stands still among others that do is not worse.
        return self._best[number] > median and not isclose(self._best[number], median, rel_tol=1e-9)

    def _replace(self, number: int, trial: TrialView | None) -> None:
        old = self._averages.pop(number, {})
        new = running_averages(trial, self._direction) if trial is not None else {}
        for step, average in old.items():
            if new.get(step) != average:
                del self._at[step][bisect_left(self._at[step], average)]
        for step, average in new.items():
            if old.get(step) != average:
                insort(self._at.setdefault(step, []), average)
        self.under_way.pop(number, None)
        if trial is None:
            del self._seen[number]
            return
        self._seen[number], self._averages[number] = trial, new
        if not (trial.ended or trial.reached):
            self._best[number] = min((rank_key(self._direction, value) for _, value in trial.curve), default=0.0)
            self.under_way[number] = trial


def running_averages(trial: TrialView, direction: Direction) -> dict[int, float]:
    """The mean of all objectives up to each step at which there is one, lower being better."""
    sums = accumulate(rank_key(direction, value) for _, value in trial.curve)
    return {
        step: total / count for count, ((step, _), total) in enumerate(zip(trial.curve, sums, strict=True), start=1)
    }


@lru_cache(maxsize=64)
def _averages(first_trial: str, top: int, direction: Direction) -> RunningAverages:
    """What was computed for a ladder before. Two ladders that share it, of studies with one name, are only slower."""
    return RunningAverages(direction)
