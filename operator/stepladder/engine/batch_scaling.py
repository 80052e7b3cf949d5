"""What larger batches save: for each size its best configuration, the steps to a target, and where scaling ends.

Each size stands for itself with the hyperparameters that are best for it, as in Shallue et al. 2019 (arXiv 1811.03600),
section 3: its steps are those of the configuration that comes to the target first. The learning rate of one size is no
other's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from stepladder.api.model import Scalar
from stepladder.api.study import Direction, Objective, TuningStudySpec
from stepladder.engine.critical_batch import Fit, Regime, fit
from stepladder.engine.observed import TrialView, rank_key
from stepladder.engine.space import same
from stepladder.engine.steps_to_target import Reached, first_reached
from stepladder.engine.validation.parameters import BATCH_SIZES


class NoScaling(ValueError):
    """The trials say nothing about batch sizes; the message says what to do."""


@dataclass(frozen=True)
class Size:
    """One batch size. `value`: the best objective (over repeats, the mean of their best), reached by `best`."""

    batch: int
    trials: tuple[TrialView, ...]  # those that diverged, too
    value: float
    best: TrialView
    reached: Reached | None
    perfect: float | None = None  # steps, had each doubling since the smallest size that came there halved them
    regime: Regime | None = None  # of a size that came to the target

    @property
    def examples(self) -> int | None:
        """Examples that were seen on the way to the target, each as often as it was seen."""
        return None if self.reached is None else self.batch * self.reached.steps


@dataclass(frozen=True)
class BatchScaling:
    """All sizes of a study, the smallest first, and the curve through those that came to the target."""

    objective: Objective
    target: float
    chosen: bool  # nobody has named the target: it is what every size has reached
    sizes: tuple[Size, ...]
    varied: tuple[str, ...]  # parameters besides the batch size that differ between trials
    fit: Fit | None


def batch_scaling(spec: TuningStudySpec, trials: Sequence[TrialView], target: float | None = None) -> BatchScaling:
    """What the trials of a study say of its batch sizes, by `target` or the study's own.

    Raises NoScaling if fewer than two sizes have a result.
    """
    by_size: dict[int, list[TrialView]] = {}
    for trial in trials:
        if trial.verdict is None and (batch := batch_size(trial.parameters)) is not None:
            by_size.setdefault(batch, []).append(trial)
    measured = {batch: of_size for batch, of_size in sorted(by_size.items()) if any(t.contends for t in of_size)}
    if len(measured) < 2:
        raise NoScaling(
            f"trials with a result have {len(measured)} batch sizes, and scaling shows from two on, better five: give"
            " the parameter batch_size role: Scientific and a list of values, and let the learning rate be searched"
        )
    direction = spec.objective.direction
    named = spec.objective.target if target is None else target
    best = {batch: _best(direction, of_size) for batch, of_size in measured.items()}
    aim = rank_key(direction, max(key for key, _ in best.values())) if named is None else named
    sizes = [
        Size(
            batch, tuple(of_size), rank_key(direction, best[batch][0]), best[batch][1], _first(direction, aim, of_size)
        )
        for batch, of_size in measured.items()
    ]
    # One that is there before it is trained says nothing of what its batch saves, and has no logarithm.
    points = [(size.batch, size.reached.steps) for size in sizes if size.reached is not None and size.reached.steps > 0]
    curve = fit(points)
    return BatchScaling(
        objective=spec.objective,
        target=aim,
        chosen=named is None,
        sizes=tuple(
            replace(
                size,
                perfect=points[0][0] * points[0][1] / size.batch if points else None,
                regime=curve.regime(size.batch) if curve is not None and size.reached is not None else None,
            )
            for size in sizes
        ),
        varied=_varied([trial for of_size in measured.values() for trial in of_size]),
        fit=curve,
    )


def batch_size(parameters: Mapping[str, Scalar]) -> int | None:
    """The examples of an update, by the names that people give the parameter."""
    for name, value in parameters.items():
        if name.rpartition(".")[2] in BATCH_SIZES and isinstance(value, int | float) and value >= 1:
            return int(value)
    return None


def _best(direction: Direction, trials: Sequence[TrialView]) -> tuple[float, TrialView]:
    """The rank key of the best configuration, and its best run."""
    ranked = [
        (fmean(_key(direction, run) for run in runs), min(runs, key=lambda run: _key(direction, run)))
        for runs in _configurations(trials)
    ]
    return min(ranked, key=lambda pair: (pair[0], pair[1].number))


def _first(direction: Direction, target: float, trials: Sequence[TrialView]) -> Reached | None:
    found = [at for runs in _configurations(trials) if (at := first_reached(direction, target, runs)) is not None]
    return min(found, key=lambda at: (at.steps, _key(direction, at.trial)), default=None)


def _configurations(trials: Sequence[TrialView]) -> list[list[TrialView]]:
    """The repeats of each configuration that have a result. One that somebody added is a configuration of its own."""
    runs: dict[tuple[str, int, str], list[TrialView]] = {}
    for trial in trials:
        if trial.contends:
            runs.setdefault((trial.round, trial.configuration, trial.name if trial.added else ""), []).append(trial)
    return list(runs.values())


def _key(direction: Direction, trial: TrialView) -> float:
    return rank_key(direction, trial.best.value) if trial.best is not None else float("inf")


def _varied(trials: Sequence[TrialView]) -> tuple[str, ...]:
    first: dict[str, Scalar] = {}
    varied: dict[str, None] = {}
    for trial in trials:
        for name, value in trial.parameters.items():
            if name.rpartition(".")[2] not in BATCH_SIZES and not same(first.setdefault(name, value), value):
                varied[name] = None
    return tuple(varied)
