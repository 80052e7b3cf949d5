"""Whether the study is over, and why."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from stepladder.api.study import SuggestionSource
from stepladder.api.trial import Outcome
from stepladder.engine import budget
from stepladder.engine.actions import Verdict
from stepladder.engine.observed import Observed, TrialView
from stepladder.engine.ranking import incumbent, meets_target, round_verdict

BUDGET_EXHAUSTED: Final = "BudgetExhausted"
NO_RESULT: Final = "NoResult"
NO_SUGGESTION: Final = "NoSuggestion"
ROUNDS_COMPLETED: Final = "RoundsCompleted"
TARGET_REACHED: Final = "TargetReached"
TOO_MANY_FAILURES: Final = "TooManyFailures"


def early(observed: Observed, *, rounds_done: bool) -> Verdict | None:
    """What ends the study before its rounds do: the target, too many failures, or the budget, in this order.

    With `rounds_done` the budget ends nothing, unless trials were stopped for it.
    """
    spec, trials = observed.spec, observed.trials
    if spec.objective.target is not None and any(meets_target(spec.objective, trial) for trial in trials):
        return Verdict(succeeded=True, reason=TARGET_REACHED, message=f"The target is reached. {_best(observed)}")
    failed = [trial.outcome for trial in trials].count(Outcome.FAILED)
    if failed > spec.failure_policy.max_failed_trials:
        message = (
            f"{failed} trials failed, and failurePolicy.maxFailedTrials allows {spec.failure_policy.max_failed_trials}:"
            f" see the failed trials' conditions.{_first_failure(observed.trials)}"
        )
        return Verdict(succeeded=False, reason=TOO_MANY_FAILURES, message=message)
    spent = budget.exhausted(observed)
    if spent and (not rounds_done or any(trial.fate is Outcome.STOPPED for trial in trials)):
        found = incumbent(spec, trials) is not None
        return Verdict(succeeded=found, reason=BUDGET_EXHAUSTED, message=f"{spent} {_best(observed)}")
    return None


def completed(observed: Observed) -> Verdict:
    """How the study ended whose rounds are all done."""
    rounds = observed.spec.rounds
    if all(round_.probe is not None for round_ in rounds):
        found, why = _answers(observed)
    else:
        found, why = incumbent(observed.spec, observed.trials) is not None, _best(observed)
    if not found:
        return Verdict(succeeded=False, reason=NO_RESULT, message=why)
    done = "The round is" if len(rounds) == 1 else f"All {len(rounds)} rounds are"
    return Verdict(succeeded=True, reason=ROUNDS_COMPLETED, message=f"{done} done. {why}")


def nothing_to_start_from(observed: Observed, round_name: str, source: str) -> Verdict:
    """The verdict on a study whose round `round_name` starts from the best of a round that found nothing."""
    message = f"Round {round_name} starts from the best of {source}, which has no result. {_best(observed)}"
    return Verdict(succeeded=False, reason=NO_RESULT, message=message)


def nothing_suggested(observed: Observed, round_name: str, parameter: str, source: SuggestionSource) -> Verdict:
    """The verdict on a study whose round `round_name` takes a value from a probe that has ended without it."""
    probed = [trial for trial in observed.trials if trial.round == source.round]
    found = round_verdict(probed)
    if found is None:
        why = f"which has come to no verdict.{_first_failure(probed)}"
    else:
        why = f"which suggests none: {found.summary.rstrip('.')}."
    message = (
        f"Round {round_name} takes {parameter} from {source.suggestion} of {source.round}, {why} Apply another study,"
        f" with a value in the place of valueFrom, or a probe that finds one. {_best(observed)}"
    )
    return Verdict(succeeded=False, reason=NO_SUGGESTION, message=message)


def _answers(observed: Observed) -> tuple[bool, str]:
    """Of a study of nothing but probes: whether each has its verdict, and what they say."""
    verdicts = {
        round_.name: round_verdict([trial for trial in observed.trials if trial.round == round_.name])
        for round_ in observed.spec.rounds
    }
    without = [name for name, found in verdicts.items() if found is None]
    if without:
        return False, f"No trial of {', '.join(without)} has come to a verdict.{_first_failure(observed.trials)}"
    return True, " ".join(f"{name}: {found.summary}" for name, found in verdicts.items() if found is not None)


def _best(observed: Observed) -> str:
    best = incumbent(observed.spec, observed.trials)
    if best is not None and best.best is not None:
        metric = observed.spec.objective.metric
        return f"Best {metric}: {best.best.value:.6g} at step {best.best.step} of trial {best.name}."
    outcomes = Counter(trial.outcome for trial in observed.trials)
    return (
        f"No trial has a finite result: of {len(observed.trials)}, {outcomes[Outcome.INFEASIBLE]} were infeasible"
        f" and {outcomes[Outcome.FAILED]} failed.{_first_failure(observed.trials)}"
    )


def _first_failure(trials: Iterable[TrialView]) -> str:
    told = (t for t in trials if t.outcome is Outcome.FAILED and t.trouble)
    first = next(told, None)
    return f" {first.name}: {first.trouble}" if first else ""
