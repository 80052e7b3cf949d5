"""The policy of a trial: what follows from how its pods ended, and what is done next."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.samples import NOW, pod_view, situation, trial_spec
from stepladder.api.rounds import MAX_STEPS
from stepladder.api.study import Direction, FailurePolicy, PodRetention
from stepladder.api.trial import Attempt, Checkpoint, Desired, EndReason, Observation, Outcome, TrialStatus
from stepladder.control.clock import from_wire, to_wire
from stepladder.control.pod_group import PodView, Stage
from stepladder.control.recording import FREE_DISRUPTIONS, LONGEST_RETRY_SECONDS
from stepladder.control.segment_end import SegmentEnd
from stepladder.control.segments import ATTEMPTS_KEPT, Decision, decide


def seen(*pairs: tuple[int, float]) -> tuple[Observation, ...]:
    return tuple(Observation(step=step, value=value) for step, value in pairs)


def over(attempt: int = 1, reason: EndReason = EndReason.COMPLETED, pod: Any = None, **end: Any) -> PodView:
    """A pod that has ended at its target, unless told otherwise."""
    if reason is EndReason.COMPLETED:
        end = {"to_step": 30, "observations": seen((30, 0.5))} | end
    fields = {"ended_at": to_wire(NOW - timedelta(seconds=5))} | end
    return pod_view(attempt, Stage.ENDED, end=SegmentEnd(reason=reason, **fields), **(pod or {}))


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(path=f"/c/step-{step}.pt", step=step)


def delay(decision: Decision) -> float:
    assert decision.status.retry_not_before is not None
    return (from_wire(decision.status.retry_not_before) - NOW).total_seconds()


def test_a_new_trial_gets_its_first_pod() -> None:
    decision = decide(situation())
    assert (decision.create, decision.requeue_after) == (1, None)


def test_a_reached_target_is_recorded_and_waits() -> None:
    decision = decide(situation(over()))
    status = decision.status
    assert (status.attempt_count, status.outcome, decision.create) == (1, None, None)
    assert status.observations == seen((30, 0.5))
    assert [a.reason for a in decision.ended] == [EndReason.COMPLETED]
    assert decision.delete == ("study-1-1",)


def test_a_promotion_makes_the_next_attempt() -> None:
    recorded = decide(situation(over())).status
    decision = decide(situation(over(), spec=trial_spec(target_steps=90), status=recorded))
    assert decision.create == 2
    assert decision.ended == (), "an attempt was recorded twice"


def test_an_end_is_recorded_once_however_long_its_pod_stays() -> None:
    """Catches steps and GPU time billed again at every reconcile."""
    pod = over(
        reason=EndReason.ERROR, trained_steps=7, pod={"gpus": 2}, started_at=to_wire(NOW - timedelta(seconds=65))
    )
    once = decide(situation(pod)).status
    twice = decide(situation(pod, status=once)).status
    assert (once.trained_steps, once.gpu_seconds) == (7, 120)
    assert twice == once


def test_the_top_of_the_ladder_completes_the_trial() -> None:
    top = over(to_step=90, observations=seen((90, 0.5)), pod={"target_steps": 90})
    assert decide(situation(top, spec=trial_spec(target_steps=90))).status.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (EndReason.INFEASIBLE, Outcome.INFEASIBLE),
        (EndReason.CONFIGURATION_ERROR, Outcome.FAILED),
        (EndReason.OUT_OF_MEMORY, Outcome.FAILED),
    ],
)
def test_final_ends(reason: EndReason, outcome: Outcome) -> None:
    decision = decide(situation(over(reason=reason)))
    assert (decision.status.outcome, decision.create) == (outcome, None)


def test_an_outcome_is_never_changed() -> None:
    """Catches a late pod that turns an infeasible trial into a completed one."""
    status = TrialStatus(outcome=Outcome.INFEASIBLE, attempt_count=1)
    top = over(2, to_step=90, observations=seen((90, 0.1)), pod={"target_steps": 90})
    assert decide(situation(top, status=status)).status.outcome is Outcome.INFEASIBLE


@pytest.mark.parametrize("reason", [EndReason.ERROR, EndReason.STORAGE_ERROR])
def test_errors_back_off_and_run_out(reason: EndReason) -> None:
    policy, status, delays = FailurePolicy(max_retries=3), TrialStatus(), []
    for attempt in range(1, 5):
        decision = decide(situation(over(attempt, reason, ended_at=to_wire(NOW)), status=status, policy=policy))
        status = decision.status
        delays.append(delay(decision))
    assert delays == [10, 20, 40, 80]
    assert (status.retries, status.outcome) == (4, Outcome.FAILED)


def test_back_off_ends_somewhere() -> None:
    status = TrialStatus(retries=60, attempt_count=60)
    decision = decide(situation(over(61, EndReason.ERROR, ended_at=to_wire(NOW)), status=status))
    assert delay(decision) == LONGEST_RETRY_SECONDS


def test_a_back_off_outlives_the_process_and_counts_its_downtime() -> None:
    """The next life knows only the status."""
    recorded = decide(situation(over(reason=EndReason.ERROR))).status
    assert recorded.retry_not_before == to_wire(NOW + timedelta(seconds=5))
    waiting = decide(situation(status=recorded))
    assert (waiting.create, waiting.requeue_after) == (None, 5)
    assert decide(situation(status=recorded, now=NOW + timedelta(seconds=5))).create == 2


def test_a_node_whose_clock_is_ahead_delays_nothing() -> None:
    ahead = over(reason=EndReason.ERROR, ended_at=to_wire(NOW + timedelta(hours=3)))
    assert delay(decide(situation(ahead))) == 10


def test_progress_gives_the_retries_back() -> None:
    status = TrialStatus(retries=3, steps=10, attempt_count=3)
    decision = decide(situation(over(4, EndReason.ERROR, checkpoint=checkpoint(20)), status=status))
    assert (decision.status.retries, decision.status.outcome) == (1, None)


@pytest.mark.parametrize("reason", [EndReason.DISRUPTED, EndReason.INTERRUPTED])
def test_disruptions_are_free_then_slow_and_never_a_failure(reason: EndReason) -> None:
    status, waits = TrialStatus(), []
    for attempt in range(1, 13):
        decision = decide(situation(over(attempt, reason, ended_at=to_wire(NOW)), status=status))
        status = decision.status
        waits.append(decision.requeue_after)
    assert waits[: FREE_DISRUPTIONS + 2] == [None, None, None, 20, 40]
    assert waits[-1] == LONGEST_RETRY_SECONDS
    assert (status.outcome, status.retries) == (None, 0)


def test_a_disruption_that_trained_something_makes_the_next_one_free() -> None:
    status = TrialStatus()
    for attempt in range(1, 9):
        status = decide(situation(over(attempt, EndReason.DISRUPTED, trained_steps=1), status=status)).status
    assert status.retry_not_before is None


def test_a_pod_that_vanished_is_an_attempt() -> None:
    """Catches the same attempt made again, which would never slow down."""
    decision = decide(situation(status=TrialStatus(pod="study-1-1")))
    assert [(a.number, a.reason) for a in decision.ended] == [(1, EndReason.DISRUPTED)]
    assert (decision.status.pod, decision.create) == (None, 2)


def test_the_last_words_of_a_pod_that_is_gone_count() -> None:
    gone = dataclasses.replace(over(), exists=False)
    for status in (TrialStatus(pod="study-1-1"), TrialStatus()):
        decision = decide(situation(gone, status=status))
        assert decision.status.observations == seen((30, 0.5))
        assert (len(decision.ended), decision.delete) == (1, ())


def test_a_live_pod_is_left_alone() -> None:
    for stage in (Stage.RUNNING, Stage.WAITING):
        decision = decide(situation(pod_view(stage=stage)))
        assert (decision.create, decision.interrupt, decision.delete) == (None, (), ())
        assert decision.status.pod == "study-1-1"


def test_a_pod_that_terminates_is_waited_for() -> None:
    """Catches a second pod of one trial while the first still saves."""
    assert decide(situation(pod_view(deleting=True))).create is None


@pytest.mark.parametrize("desired", [Desired.PAUSE, Desired.STOP])
def test_a_trial_that_must_not_run_lets_its_pod_save(desired: Desired) -> None:
    spec = trial_spec(desired=desired)
    running = decide(situation(pod_view(), spec=spec))
    assert (running.interrupt, running.delete, running.status.outcome) == (("study-1-1",), (), None)
    assert decide(situation(pod_view(interrupted=True), spec=spec)).interrupt == ()
    waiting = decide(situation(pod_view(stage=Stage.WAITING), spec=spec))
    assert (waiting.interrupt, waiting.delete) == ((), ("study-1-1",))


def test_stop_has_its_reason_once_no_pod_is_left() -> None:
    spec = trial_spec(desired=Desired.STOP, stop_reason=Outcome.PRUNED)
    assert decide(situation(spec=spec)).status.outcome is Outcome.PRUNED
    assert decide(situation(spec=trial_spec(desired=Desired.STOP))).status.outcome is Outcome.STOPPED


def test_a_result_at_the_top_is_worth_more_than_a_stop() -> None:
    spec = trial_spec(target_steps=90, desired=Desired.STOP, stop_reason=Outcome.STOPPED)
    top = over(to_step=90, observations=seen((90, 0.5)), pod={"target_steps": 90})
    assert decide(situation(top, spec=spec)).status.outcome is Outcome.COMPLETED


def test_a_paused_trial_keeps_what_it_has_reached() -> None:
    ended = over(reason=EndReason.INTERRUPTED, to_step=17, checkpoint=checkpoint(17), trained_steps=17)
    status = decide(situation(ended, spec=trial_spec(desired=Desired.PAUSE))).status
    assert (status.steps, status.checkpoint, status.outcome) == (17, checkpoint(17), None)
    assert decide(situation(status=status)).create == 2


def overdue(stage: Stage = Stage.WAITING, **changes: Any) -> PodView:
    since = to_wire(NOW - timedelta(hours=2))
    return pod_view(stage=stage, created_at=since, waiting_for="no such image", **changes)


class TestDeadline:
    def test_it_is_told_when_it_is_due(self) -> None:
        decision = decide(situation(pod_view(stage=Stage.WAITING)))
        assert decision.requeue_after == 3600 - 60

    def test_it_fails_the_trial_with_what_it_waited_for(self) -> None:
        decision = decide(situation(overdue()))
        assert decision.status.outcome is Outcome.FAILED
        assert "no such image" in decision.ended[0].message
        assert decision.delete == ("study-1-1",)

    def test_its_pod_goes_even_if_we_died_in_between(self) -> None:
        """Catches a pod that was given up, and trains as soon as a node comes."""
        recorded = decide(situation(overdue())).status
        for stage in (Stage.WAITING, Stage.RUNNING):
            assert decide(situation(overdue(stage), status=recorded)).delete == ("study-1-1",)

    def test_a_pod_stuck_in_deletion_is_not_looked_at_without_end(self) -> None:
        """Catches a requeue in the past: a loop that takes a whole core."""
        assert decide(situation(overdue(deleting=True))).requeue_after is None


class TestWithoutLastWords:
    def test_a_scraped_target_is_a_result(self) -> None:
        ended = over(to_step=None, observations=())
        status = decide(situation(ended, scraped=seen((20, 0.7), (30, 0.6)))).status
        assert (status.outcome, status.attempts[0].reason) == (None, EndReason.COMPLETED)
        assert (status.best, status.attempts[0].to_step) == (Observation(step=30, value=0.6), 30)

    def test_without_it_a_sentence_says_what_to_do(self) -> None:
        status = decide(situation(over(to_step=None, observations=()), scraped=seen((20, 0.7)))).status
        assert status.outcome is Outcome.FAILED
        message = status.attempts[0].message
        for part in ("no termination message", "validation_error at step 30", "step seen is 20", "docs/trainer.md"):
            assert part in message

    def test_told_to_end_it_is_resumed(self) -> None:
        """Catches a foreign image that exits with 0 on SIGTERM, failed for having been paused."""
        ended = over(to_step=None, observations=(), disrupted=True)
        decision = decide(situation(ended, scraped=seen((20, 0.7))))
        assert (decision.ended[0].reason, decision.status.retries, decision.create) == (EndReason.DISRUPTED, 0, 2)


def test_an_end_before_the_target_is_an_error() -> None:
    decision = decide(situation(over(to_step=12, observations=())))
    assert decision.ended[0].reason is EndReason.ERROR
    assert "step 12" in decision.ended[0].message


def test_a_target_without_the_metric_names_the_metric_and_the_step() -> None:
    decision = decide(situation(over(to_step=40, observations=seen((40, 0.5)))))
    assert decision.status.outcome is Outcome.FAILED
    assert "no finite validation_error at step 30" in decision.ended[0].message


def test_the_first_value_of_a_step_counts_wherever_it_was_seen() -> None:
    """Scraped and in the last words: one observation."""
    status = TrialStatus(observations=seen((10, 0.9)))
    ended = over(observations=seen((10, 0.1), (20, 0.8), (30, 0.5)))
    assert decide(situation(ended, status=status, scraped=seen((20, 0.7)))).status.observations == seen(
        (10, 0.9), (20, 0.7), (30, 0.5)
    )


@pytest.mark.parametrize(("direction", "best"), [(Direction.MINIMIZE, 0.3), (Direction.MAXIMIZE, 0.9)])
def test_the_best_is_kept_in_its_direction(direction: Direction, best: float) -> None:
    status = decide(situation(over(observations=seen((10, 0.9), (20, 0.3), (30, 0.5))), direction=direction)).status
    assert status.best is not None
    assert (status.best.value, status.last) == (best, Observation(step=30, value=0.5))


@given(
    st.lists(st.integers(0, MAX_STEPS), min_size=1, max_size=400),
    st.sets(st.integers(1, MAX_STEPS), max_size=64),
)
def test_the_list_of_observations_is_bounded_and_keeps_every_rung(steps: list[int], rungs: set[int]) -> None:
    spec = trial_spec(rung_steps=tuple(sorted(rungs)))
    scraped = seen(*((step, float(step)) for step in sorted({*steps, *rungs})))
    status = decide(situation(spec=spec, scraped=scraped)).status
    assert len(status.observations) <= 128
    assert rungs <= {o.step for o in status.observations}
    assert scraped[-1] in status.observations
    assert status.best == scraped[0]
    assert decide(situation(spec=spec, status=status, scraped=scraped)).status == status, "the status never settles"


def test_attempts_are_bounded_and_counted_on() -> None:
    kept = tuple(Attempt(number=n, pod=f"study-1-{n}", reason=EndReason.DISRUPTED) for n in range(1, ATTEMPTS_KEPT + 1))
    status = TrialStatus(attempts=kept, attempt_count=ATTEMPTS_KEPT)
    decision = decide(situation(over(ATTEMPTS_KEPT + 1, EndReason.DISRUPTED), status=status))
    assert [a.number for a in decision.status.attempts] == list(range(2, ATTEMPTS_KEPT + 2))
    assert decision.create is None or decision.create == ATTEMPTS_KEPT + 2


@pytest.mark.parametrize(
    ("retention", "reason", "deleted"),
    [
        (PodRetention.FAILED, EndReason.COMPLETED, True),
        (PodRetention.FAILED, EndReason.DISRUPTED, True),
        (PodRetention.FAILED, EndReason.ERROR, False),
        (PodRetention.ALL, EndReason.COMPLETED, False),
        (PodRetention.NONE, EndReason.ERROR, True),
    ],
)
def test_which_pods_are_kept(retention: PodRetention, reason: EndReason, deleted: bool) -> None:
    decision = decide(situation(over(reason=reason), retention=retention))
    assert (decision.delete == ("study-1-1",)) is deleted


def test_the_pod_that_exits_with_0_and_tells_no_value_is_kept() -> None:
    """Catches the log gone that would show why the metric was never served."""
    silent = over(observations=())
    decision = decide(situation(silent))
    while decision.status.outcome is None:
        assert decision.delete == ()
        assert decision.requeue_after is not None
        decision = decide(situation(silent, status=decision.status, now=NOW + timedelta(minutes=1)))
    assert decision.status.attempts[-1].reason is EndReason.CONFIGURATION_ERROR
    assert decision.delete == ()


def test_a_kept_pod_does_not_hold_its_gpus_for_a_sidecar() -> None:
    lingering = over(reason=EndReason.ERROR, pod={"lingers": True})
    assert decide(situation(lingering)).interrupt == ("study-1-1",)
    assert decide(situation(dataclasses.replace(lingering, interrupted=True))).interrupt == ()
    removed = decide(situation(lingering, retention=PodRetention.NONE))
    assert (removed.interrupt, removed.delete) == ((), ("study-1-1",))


@given(st.data())
def test_at_most_one_pod_and_never_backwards(data: st.DataObject) -> None:
    """Any sequence of ends and disappearances: attempts count up, nothing recorded is taken back, one pod at a time."""
    status = TrialStatus()
    pods: list[PodView] = []
    for _ in range(12):
        spec = trial_spec(desired=data.draw(st.sampled_from(Desired)))
        fate = data.draw(st.sampled_from(["lives", "ends", "vanishes"]))
        decision = decide(situation(*pods, spec=spec, status=status))
        live = [p for p in pods if p.end is None and p.name not in decision.delete]
        assert not (decision.create and live), "a second pod of one trial"
        assert decision.status.attempt_count >= status.attempt_count
        assert decision.status.trained_steps >= status.trained_steps
        assert {o.step for o in status.observations} <= {o.step for o in decision.status.observations}
        if status.outcome is not None:
            assert (decision.status.outcome, decision.create) == (status.outcome, None)
        status = decision.status
        pods = [p for p in pods if p.name not in decision.delete]
        if decision.create:
            pods.append(pod_view(decision.create, data.draw(st.sampled_from([Stage.WAITING, Stage.RUNNING]))))
        elif live and fate == "ends":
            ending = over(live[0].attempt, data.draw(st.sampled_from(EndReason)), trained_steps=1)
            pods = [ending if p is live[0] else p for p in pods]
        elif pods and fate == "vanishes":
            pods.pop()
