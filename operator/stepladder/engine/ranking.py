"""Who is best: the incumbent trial, the best configurations of a round, and the spread over their repeats."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from stepladder.api.probes import ProbeVerdict
from stepladder.api.study import Direction, Objective, Spread, TuningStudySpec
from stepladder.api.trial import Outcome
from stepladder.engine.observed import TrialView, better, rank_key


@dataclass(frozen=True)
class Configuration:
    """The runs of one configuration that got furthest, and the mean of their objectives there."""

    runs: tuple[TrialView, ...]
    step: int
    value: float


def meets_target(objective: Objective, trial: TrialView) -> bool:
    """Whether the trial's best is at least as good as the study's target. An infeasible trial never is."""
    if objective.target is None or not trial.contends or trial.best is None:
        return False
    return not better(objective.direction, objective.target, trial.best.value)


def incumbent(spec: TuningStudySpec, trials: Sequence[TrialView]) -> TrialView | None:
    """The best trial by its best objective: among those that meet the target if any do, else among the completed ones
    of the latest round that has any, else among all. Ties go to more steps, then to the lower number.

    Where a round repeats its configurations, the best configuration by its mean is chosen first, since over many runs
    the best single one is mostly luck. None if no trial has a finite objective. Infeasible trials never win.
    """
    contenders = [trial for trial in trials if trial.contends]
    targeted = spec.objective.target is not None
    pool = [trial for trial in contenders if meets_target(spec.objective, trial)] if targeted else []
    if not pool:
        completed = [trial for trial in contenders if trial.outcome is Outcome.COMPLETED]
        order = {round_.name: place for place, round_ in enumerate(spec.rounds)}
        latest = max((order.get(trial.round, -1) for trial in completed), default=-1)
        of_latest = [trial for trial in completed if order.get(trial.round, -1) == latest]
        if of_latest and spec.rounds[latest].repeats > 1:
            of_latest = list(best_configurations(spec.objective.direction, of_latest, 1)[0].runs)
        pool = of_latest or contenders

    def key(trial: TrialView) -> tuple[float, int, int]:
        value = trial.best.value if trial.best is not None else float("inf")
        return rank_key(spec.objective.direction, value), -trial.steps, trial.number

    return min(pool, key=key, default=None)


def best_configurations(direction: Direction, trials: Iterable[TrialView], count: int) -> tuple[Configuration, ...]:
    """The best configurations among the trials of one round, best first, at most `count`.

    Completed ones come first, by their objective at the top (the mean over repeats); then those that got further,
    by their objective there; failed ones last. Infeasible ones, and those without a result, are left out.
    """
    runs: dict[tuple[bool, int, str], list[TrialView]] = {}
    for trial in trials:
        if trial.results and trial.fate is not Outcome.INFEASIBLE:
            # One that somebody added is a configuration of its own.
            key = (trial.added, trial.configuration, trial.name if trial.added else "")
            runs.setdefault(key, []).append(trial)
    ranked: list[tuple[tuple[int, int, float, tuple[bool, int, str]], Configuration]] = []
    for key, of_configuration in runs.items():
        standing = min(_standing(trial) for trial in of_configuration)
        furthest = tuple(trial for trial in of_configuration if _standing(trial) == standing)
        step = -standing[1]
        value = fmean(trial.results[step] for trial in furthest)
        ranked.append(((*standing, rank_key(direction, value), key), Configuration(furthest, step, value)))
    ranked.sort(key=lambda entry: entry[0])
    return tuple(configuration for _, configuration in ranked[:count])


def best_trials(direction: Direction, trials: Iterable[TrialView], count: int) -> tuple[TrialView, ...]:
    """The trials of one round with the best checkpoints, best first, at most `count`: completed ones, then those that
    got further, each by their best objective. Infeasible ones are left out, and so are failed ones, whose checkpoints
    may be missing, unless there are no others."""
    known = [(trial, trial.best.value) for trial in trials if trial.contends and trial.best is not None]
    known = [entry for entry in known if entry[0].fate is not Outcome.FAILED] or known
    known.sort(key=lambda entry: (*_standing(entry[0]), rank_key(direction, entry[1]), entry[0].number))
    return tuple(trial for trial, _ in known[:count])


def spread(direction: Direction, trials: Iterable[TrialView]) -> Spread | None:
    """Mean and sample standard deviation of the objective at the top, over the completed repeats of the best
    configuration of one round. None if it has fewer than two."""
    completed = [trial for trial in trials if trial.outcome is Outcome.COMPLETED]
    for best in best_configurations(direction, completed, 1):
        if len(best.runs) > 1:
            values = [trial.results[best.step] for trial in best.runs]
            return Spread(
                trial=best.runs[0].name, mean=best.value, standard_deviation=stdev(values), repeats=len(values)
            )
    return None


def round_verdict(trials: Iterable[TrialView]) -> ProbeVerdict | None:
    """The verdict of a probe round: that of its first trial that has one, since `from` gives the best the first place.

    `trials` are those of the round, in number order.
    """
    return next((trial.verdict for trial in trials if trial.verdict is not None), None)


def full_training_steps(trials: Iterable[TrialView]) -> int:
    """Steps that these trials would have taken, had each been trained to the end. A probe is never cut short."""
    return sum(trial.trained_steps if trial.verdict is not None else trial.horizon_steps for trial in trials)


def _standing(trial: TrialView) -> tuple[int, int]:
    """Lower is better: completed, then others, then failed; within each, further is better."""
    place = {Outcome.COMPLETED: 0, Outcome.FAILED: 2}.get(trial.outcome, 1) if trial.outcome else 1
    return place, -trial.furthest
