"""When a round has stopped finding anything better."""

from collections.abc import Iterable

from stepladder.api.rounds import NoImprovement
from stepladder.api.study import Direction
from stepladder.api.trial import Outcome
from stepladder.engine.observed import TrialView, better


def stalled(rule: NoImprovement | None, trials: Iterable[TrialView], direction: Direction) -> bool:
    """Whether the newest `rule.trials` trials of a round that have ended (in number order) are no better than one
    before them; False without a rule.

    Diverged trials count, failed ones say nothing. One that is still on its way may yet be the best: if it is, the
    round goes on.
    """
    if rule is None:
        return False
    best: float | None = None
    in_vain = 0
    for trial in trials:
        if trial.outcome in (None, Outcome.FAILED, Outcome.STOPPED):
            continue
        in_vain += 1
        if trial.contends and trial.best is not None and (best is None or better(direction, trial.best.value, best)):
            best, in_vain = trial.best.value, 0
    return in_vain >= rule.trials
