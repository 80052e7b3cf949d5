"""Less when the objective has stopped improving: the one schedule that validation drives, without anybody's hand."""

from bisect import bisect_left
from collections.abc import Iterable

from stepladder_trainer.contract import Objective
from stepladder_trainer.hyperparameters import ScheduleHyperparameters
from stepladder_trainer.schedules.request import Request, Shape


def reduce_on_plateau(request: Request) -> Shape:
    """A function of the evaluations before the update, so that a resumed run needs no state. Those during the warmup
    do not count."""
    return _ReduceOnPlateau(request)


class _ReduceOnPlateau:
    def __init__(self, request: Request) -> None:
        self._request = request
        self._revision = -1
        self._reductions: list[int] = []

    def __call__(self, update: int) -> float:
        point, history = self._request.point, self._request.history
        if self._revision != history.revision:  # seldom; the answer is the same as if it were worked out every time
            self._revision = history.revision
            values = history.values(self._request.objective.metric)
            counted = [
                (step, value) for step, value in values if step > point.warmup_steps and self._request.planned(step)
            ]
            self._reductions = reductions(counted, point, self._request.objective)
        done = update + point.warmup_steps
        return max(point.decay_to, point.plateau_factor ** bisect_left(self._reductions, done + 1))


def reductions(values: Iterable[tuple[int, float]], point: ScheduleHyperparameters, objective: Objective) -> list[int]:
    """The steps of the evaluations at which the rate falls: more than `plateau_patience` in a row that were not better
    than the best so far by `plateau_threshold` of it. `values`: (step, value), by step."""
    sign = 1 if objective.minimize else -1
    falls, best, bad = [], None, 0
    for step, value in values:
        if best is None or sign * value < sign * best - point.plateau_threshold * abs(best):
            best, bad = value, 0
            continue
        bad += 1
        if bad > point.plateau_patience:
            falls.append(step)
            bad = 0
    return falls
