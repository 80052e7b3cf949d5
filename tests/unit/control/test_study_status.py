"""A study's status: what it says of a study that runs, and of one that is over."""

from datetime import timedelta
from typing import Any

import pytest

from control.samples import NOW, study
from stepladder.api.conditions import ConditionType, find
from stepladder.api.rounds import NoImprovement
from stepladder.api.study import TuningStudySpec, TuningStudyStatus
from stepladder.api.trial import Desired, Observation, Outcome
from stepladder.control.study_status import Circumstances, count, describe_study
from stepladder.engine.actions import Plan, Verdict
from stepladder.engine.observed import TrialView

SPEC = TuningStudySpec.model_validate(study()["spec"])
VERDICT = Verdict(succeeded=True, reason="RoundsCompleted", message="done")


def view(number: int = 0, **changes: Any) -> TrialView:
    fields: dict[str, Any] = {
        "name": f"study-{number}",
        "number": number,
        "round": "explore",
        "bracket": 0,
        "configuration": number,
        "repeat": 0,
        "parameters": {"x": 0.5},
        "target_steps": 30,
        "horizon_steps": 90,
    }
    return TrialView(**(fields | changes))


def status(old: TuningStudyStatus | None = None, **given: Any) -> TuningStudyStatus:
    fields: dict[str, Any] = {"generation": 1, "now": NOW, "plan": Plan(round="explore")}
    return describe_study(SPEC, old or TuningStudyStatus(), Circumstances(**(fields | given)))


def condition(found: TuningStudyStatus, kind: ConditionType) -> tuple[str, str]:
    condition = find(found.conditions, kind)
    assert condition is not None
    return condition.status, condition.reason


def test_every_condition_is_there_from_the_first_visit() -> None:
    expected = set(ConditionType) - {ConditionType.SERVING, ConditionType.BASELINE_REASONABLE}  # for who asks for them
    assert {c.type for c in status().conditions} == expected
    assert {c.type for c in status(problem=("InvalidSpec", "x")).conditions} == expected


def test_a_status_of_nothing_new_is_the_same() -> None:
    """Catches a status that is written anew for the time alone."""
    first = status(trials=[view()])
    assert status(first, trials=[view()], now=NOW + timedelta(hours=1)) == first


@pytest.mark.parametrize(
    ("trial", "where"),
    [
        (view(), "pending"),
        (view(has_pod=True), "running"),
        (view(results={30: 0.5}), "paused"),
        (view(desired=Desired.PAUSE), "paused"),
        (view(desired=Desired.PAUSE, has_pod=True), "running"),
        (view(outcome=Outcome.COMPLETED), "succeeded"),
        (view(outcome=Outcome.PRUNED, has_pod=True), "pruned"),
        (view(outcome=Outcome.INFEASIBLE), "infeasible"),
        (view(outcome=Outcome.FAILED), "failed"),
        (view(outcome=Outcome.STOPPED), "stopped"),
    ],
)
def test_each_trial_is_counted_once(trial: TrialView, where: str) -> None:
    counts = count([trial]).model_dump()
    assert {name for name, number in counts.items() if number} == {"total", where}


def test_what_is_true_of_a_study_is_said_in_a_sentence() -> None:
    """Catches an Event of a suspended study without a word, and one on CPUs that speaks of GPUs."""
    suspended = SPEC.model_copy(update={"suspend": True})
    given = Circumstances(
        generation=1, now=NOW, plan=Plan(round="explore"), trials=[view(waits_for_quota=True, desired=Desired.RUN)]
    )
    found = {c.type: c.message for c in describe_study(suspended, TuningStudyStatus(), given).conditions}
    assert found[ConditionType.SUSPENDED].startswith("spec.suspend is true: ")
    assert found[ConditionType.QUOTA_EXCEEDED] == "trials wait for quota: see their QuotaExceeded condition"


def test_quota_is_told_while_a_trial_waits_for_it() -> None:
    waiting = view(waits_for_quota=True)
    assert condition(status(trials=[waiting]), ConditionType.QUOTA_EXCEEDED)[0] == "True"
    for over in (view(waits_for_quota=True, outcome=Outcome.STOPPED), view(waits_for_quota=True, has_pod=True)):
        assert condition(status(trials=[over]), ConditionType.QUOTA_EXCEEDED)[0] == "False"


def test_a_verdict_ends_it() -> None:
    ended = status(plan=Plan(round="explore", verdict=VERDICT))
    assert condition(ended, ConditionType.SUCCEEDED) == ("True", "RoundsCompleted")
    assert (ended.phase, ended.completion_time) == ("Succeeded", "2026-01-01T12:00:00Z")


class TestFinished:
    best = view(outcome=Outcome.COMPLETED, best=Observation(step=90, value=0.1), results={90: 0.1}, trained_steps=90)

    def finished(self) -> TuningStudyStatus:
        return status(trials=[self.best], best=self.best, plan=Plan(round="explore", verdict=VERDICT))

    def test_its_results_outlive_its_trials(self) -> None:
        """Catches the best lost when somebody tidies up."""
        finished = self.finished()
        assert status(finished, trials=[]) == finished

    def test_changes_to_its_spec_have_no_effect_and_are_told_so(self) -> None:
        finished = self.finished()
        changed = status(finished, generation=2, trials=[self.best])
        assert condition(changed, ConditionType.ACCEPTED) == ("True", "Finished")
        told = next(c.message for c in changed.conditions if c.type == ConditionType.ACCEPTED)
        assert "trainer.template" in told, "it rolls the Deployment that serves the model"
        assert (changed.observed_generation, changed.best, changed.rounds) == (2, finished.best, finished.rounds)
        assert status(changed, generation=2, trials=[self.best]) == changed

    def test_a_spec_made_invalid_takes_nothing_back(self) -> None:
        """Catches Succeeded turned Unknown for ever by a typing error after the end."""
        finished = self.finished()
        broken = status(finished, generation=2, problem=("InvalidSpec", "rounds: what?"))
        for now in (broken, status(broken, generation=3)):
            assert condition(now, ConditionType.SUCCEEDED) == ("True", "RoundsCompleted")
            assert (now.phase, now.completion_time) == (finished.phase, finished.completion_time)


def test_a_spec_made_invalid_in_the_middle_keeps_what_was_found() -> None:
    running = status(trials=[view(trained_steps=30)])
    broken = status(running, generation=2, problem=("InvalidSpec", "rounds: what?"))
    assert condition(broken, ConditionType.ACCEPTED) == ("False", "InvalidSpec")
    assert (broken.trained_steps, broken.start_time) == (30, running.start_time)
    assert condition(status(broken, generation=3), ConditionType.ACCEPTED) == ("True", "Valid")


def done(number: int, value: float | None) -> TrialView:
    best = None if value is None else Observation(step=90, value=value)
    outcome = Outcome.STOPPED if value is None else Outcome.COMPLETED
    return view(number, outcome=outcome, best=best, results={} if value is None else {90: value})


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([done(0, 0.1), done(1, 0.2)], ""),  # one in vain
        (
            [done(0, 0.1), done(1, 0.2), done(2, 0.3)],
            "ended after 3 of 9 trials: 2 in a row were no better than one before them (stopWhenNoImprovement)",
        ),
        ([done(0, 0.1), done(1, 0.2), done(2, 0.3), view(3)], ""),  # it may yet be the best
        ([done(0, 0.1), done(1, 0.2), done(2, 0.3), done(3, None)], ""),  # the study ended it, and says so itself
        ([done(n, 0.1 + n) for n in range(9)], ""),  # all that were planned
    ],
)
def test_a_round_that_ended_for_want_of_improvement_says_so(trials: list[TrialView], message: str) -> None:
    """Catches a round that stops at 3 of 9 trials, with nothing to tell why."""
    round_ = SPEC.rounds[0].model_copy(update={"stop_when_no_improvement": NoImprovement(trials=2)})
    spec = SPEC.model_copy(update={"rounds": (round_,)})
    given = Circumstances(generation=1, now=NOW, plan=Plan(round="explore"), trials=trials)
    assert [r.message for r in describe_study(spec, TuningStudyStatus(), given).rounds] == [message]
