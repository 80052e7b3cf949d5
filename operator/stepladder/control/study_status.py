"""A study's status, from what is observed and planned. Pure; counts, never lists of trials."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from stepladder.api.conditions import ConditionType, Status, put
from stepladder.api.study import BestTrial, Round, RoundStatus, TrialCounts, TuningStudySpec, TuningStudyStatus
from stepladder.api.trial import Checkpoint, Desired, Outcome
from stepladder.control.clock import to_wire
from stepladder.control.serving_plan import Said
from stepladder.control.trial_status import condition
from stepladder.engine import baseline
from stepladder.engine.actions import Plan
from stepladder.engine.groups import REMEMBERED, in_groups
from stepladder.engine.observed import TrialView
from stepladder.engine.ranking import full_training_steps, incumbent, round_verdict, spread
from stepladder.engine.rounds import by_round
from stepladder.engine.stalling import stalled

COUNTED = {
    Outcome.COMPLETED: "succeeded",
    Outcome.PRUNED: "pruned",
    Outcome.INFEASIBLE: "infeasible",
    Outcome.FAILED: "failed",
    Outcome.STOPPED: "stopped",
}


STATUSES: Mapping[bool | None, Status] = {True: "True", False: "False", None: "Unknown"}

NOTHING_PLANNED = Plan()


@dataclass(frozen=True)
class Circumstances:
    """What a status is made from, besides the spec."""

    generation: int
    now: datetime
    trials: Sequence[TrialView] = ()
    plan: Plan = NOTHING_PLANNED
    problem: tuple[str, str] | None = None  # reason and message of a spec that cannot be run
    hindrance: tuple[str, str] | None = None  # reason and message of what keeps it from running well
    best: TrialView | None = None  # the incumbent
    best_checkpoint: Checkpoint | None = None
    served: Said | None = None  # what is to be said of `serve`


def describe_study(spec: TuningStudySpec | None, old: TuningStudyStatus, given: Circumstances) -> TuningStudyStatus:
    """The study's new status. One that has finished keeps its results, whatever becomes of its spec and its trials."""
    new = _described(spec, old, given)
    return new if given.problem else _with_serving(new, given)


def _with_serving(status: TuningStudyStatus, given: Circumstances) -> TuningStudyStatus:
    if given.served is None:
        kept = tuple(c for c in status.conditions if c.type != ConditionType.SERVING)
        return status.model_copy(update={"conditions": kept, "serving": None})
    said = given.served
    told = condition(ConditionType.SERVING, said.status, said.reason, said.message, given.generation, given.now)
    return status.model_copy(update={"conditions": put(status.conditions, told), "serving": said.serving})


def _described(spec: TuningStudySpec | None, old: TuningStudyStatus, given: Circumstances) -> TuningStudyStatus:
    if old.completion_time is not None:
        return _afterwards(old, given)
    verdict = None if given.problem else given.plan.verdict
    conditions = old.conditions
    for kind, value, reason, message in _conditions(spec, given):
        conditions = put(conditions, condition(kind, value, reason, message, given.generation, given.now))
    phase = next(c.reason for c in conditions if c.type == ConditionType.PROGRESSING)
    update: dict[str, object] = {
        "observed_generation": given.generation,
        "conditions": conditions,
        "phase": phase,
        "start_time": old.start_time or (None if given.problem else to_wire(given.now)),
        "completion_time": to_wire(given.now) if verdict else None,
    }
    if spec is not None and not given.problem:
        counts = count(given.trials)
        spent = [_spent(group) for group in in_groups(given.trials)]
        planned = sum(planned_trials(spec).values()) + sum(trial.added for trial in given.trials)
        update |= {
            "round": given.plan.round or old.round,
            "rounds": tuple(_rounds(spec, given.trials)),
            "trials": counts,
            "progress": f"{counts.running}/{_done(counts)}/{planned}",
            "best": best_trial(given.best, given.best_checkpoint),
            "trained_steps": sum(group.trained_steps for group in spent),
            "full_training_steps": sum(group.full_training_steps for group in spent),
            "gpu_seconds": sum(group.gpu_seconds for group in spent),
        }
    return old.model_copy(update=update)


def _afterwards(old: TuningStudyStatus, given: Circumstances) -> TuningStudyStatus:
    """The status of a study that has finished: what is true of a spec that was changed since."""
    succeeded = next(c for c in old.conditions if c.type == ConditionType.SUCCEEDED)
    if given.generation == succeeded.observed_generation:
        return old
    message = (
        "the study has finished: what is changed in its spec now has no effect, but for serve and, while the model is"
        " served, trainer.template; apply another study"
    )
    accepted = condition(ConditionType.ACCEPTED, "True", "Finished", message, given.generation, given.now)
    return old.model_copy(update={"observed_generation": given.generation, "conditions": put(old.conditions, accepted)})


def count(trials: Sequence[TrialView]) -> TrialCounts:
    """Trials by where they are."""
    found: Counter[str] = Counter(total=len(trials))
    for group in in_groups(trials):
        found.update(_count(group))
    return TrialCounts(**found)


@lru_cache(maxsize=REMEMBERED)
def _count(trials: tuple[TrialView, ...]) -> Counter[str]:
    return Counter(map(_whereabouts, trials))


class _Spent(NamedTuple):
    trained_steps: int
    full_training_steps: int
    gpu_seconds: float


@lru_cache(maxsize=REMEMBERED)
def _spent(trials: tuple[TrialView, ...]) -> _Spent:
    return _Spent(
        trained_steps=sum(trial.trained_steps for trial in trials),
        full_training_steps=full_training_steps(trials),
        gpu_seconds=sum(trial.gpu_seconds for trial in trials),
    )


def _whereabouts(trial: TrialView) -> str:
    if trial.outcome is not None:
        return COUNTED[trial.outcome]
    if trial.has_pod:
        return "running"
    return "paused" if trial.reached or trial.desired is not Desired.RUN else "pending"


def planned_trials(spec: TuningStudySpec) -> dict[str, int]:
    """How many trials each round will have."""
    return {r.name: (r.from_.best if r.from_ else r.proposals) * r.repeats for r in spec.rounds}


def best_trial(best: TrialView | None, checkpoint: Checkpoint | None = None) -> BestTrial | None:
    """An incumbent, for people."""
    if best is None or best.best is None:
        return None
    return BestTrial(
        trial=best.name,
        value=best.best.value,
        step=best.best.step,
        checkpoint=checkpoint.path if checkpoint else None,
        parameters=dict(best.parameters),
    )


def _done(counts: TrialCounts) -> int:
    return counts.succeeded + counts.pruned + counts.infeasible + counts.failed + counts.stopped


def _rounds(spec: TuningStudySpec, trials: Sequence[TrialView]) -> Iterable[RoundStatus]:
    grouped, planned = by_round(trials), planned_trials(spec)
    for round_ in spec.rounds:
        of_round = grouped.get(round_.name, [])
        yield RoundStatus(
            name=round_.name,
            planned=planned[round_.name],
            trials=count(of_round),
            best=best_trial(incumbent(spec, of_round)),
            spread=spread(spec.objective.direction, of_round) if round_.repeats > 1 else None,
            message=_ended_early(spec, round_, of_round),
            verdict=round_verdict(of_round) if round_.probe else None,
        )


def _ended_early(spec: TuningStudySpec, round_: Round, trials: Sequence[TrialView]) -> str:
    """Why the round is over although it had trials left to start; empty if it is not, or had none."""
    rule = round_.stop_when_no_improvement
    if rule is None:
        return ""
    own = [trial for trial in trials if not trial.added]
    over = len(own) < round_.proposals and all(trial.outcome not in (None, Outcome.STOPPED) for trial in own)
    if not over or not stalled(rule, own, spec.objective.direction):
        return ""
    return (
        f"ended after {len(own)} of {round_.proposals} trials: {rule.trials} in a row were no better than one before"
        " them (stopWhenNoImprovement)"
    )


def _conditions(spec: TuningStudySpec | None, given: Circumstances) -> Iterable[tuple[ConditionType, Status, str, str]]:
    if given.problem:
        reason, message = given.problem
        yield ConditionType.ACCEPTED, "False", reason, message
        yield ConditionType.PROGRESSING, "False", reason, message
        for kind in (ConditionType.SUCCEEDED, ConditionType.QUOTA_EXCEEDED, ConditionType.BUDGET_EXHAUSTED):
            yield kind, "Unknown", "NotStarted", ""
        yield ConditionType.DEGRADED, "False", "NotStarted", ""
        yield ConditionType.SUSPENDED, "False", "NotStarted", ""
        return
    yield ConditionType.ACCEPTED, "True", "Valid", ""
    verdict = given.plan.verdict
    suspended = spec is not None and spec.suspend and verdict is None
    if verdict is not None:
        value: Status = "True" if verdict.succeeded else "False"
        phase = "Succeeded" if verdict.succeeded else "Failed"
        yield ConditionType.SUCCEEDED, value, verdict.reason, verdict.message
        yield ConditionType.PROGRESSING, "False", phase, verdict.message
    else:
        yield ConditionType.SUCCEEDED, "Unknown", "NotFinished", ""
        phase = "Suspended" if suspended else "Running"
        yield (
            ConditionType.PROGRESSING,
            "False" if suspended else "True",
            phase,
            f"round {given.plan.round or spec.rounds[0].name}" if spec else "",
        )
    spent = given.plan.budget_exhausted
    yield (
        ConditionType.BUDGET_EXHAUSTED,
        "True" if spent else "False",
        "BudgetExhausted" if spent else "WithinBudget",
        spent,
    )
    waiting = any(t.active and t.waits_for_quota and not t.has_pod for t in given.trials)
    yield (
        ConditionType.QUOTA_EXCEEDED,
        "True" if waiting else "False",
        "QuotaExceeded" if waiting else "WithinQuota",
        "trials wait for quota: see their QuotaExceeded condition" if waiting else "",
    )
    yield (
        ConditionType.SUSPENDED,
        "True" if suspended else "False",
        "Asked" if suspended else "NotAsked",
        "spec.suspend is true: trials pause at a checkpoint, and go on when it is false" if suspended else "",
    )
    running = given.plan.round if verdict is None else None
    judgement = baseline.standing(spec, given.trials, running) if spec is not None else None
    if judgement is not None:
        holds = STATUSES[judgement.reasonable]
        yield ConditionType.BASELINE_REASONABLE, holds, judgement.reason, judgement.message
    reason, message = given.hindrance or ("AsExpected", "")
    yield ConditionType.DEGRADED, "True" if given.hindrance else "False", reason, message
