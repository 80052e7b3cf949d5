"""Whole studies through `plan`, against numbers that do not come from it."""

from collections import Counter
from dataclasses import replace
from time import process_time

import pytest

from engine.simulator import Simulator, study
from stepladder.api.trial import Desired, Observation, Outcome
from stepladder.engine.actions import Ask, Promote, SetDesired, Start, Stop
from stepladder.engine.observed import Observed, TrialView
from stepladder.engine.plan import plan

HYPERBAND = {"algorithm": "Hyperband", "minSteps": 30, "reductionFactor": 3}
PASS = {"trials": 49, "maxSteps": 810, "pruner": HYPERBAND}


@pytest.mark.parametrize("parallelism", [1, 4, 100])
def test_one_pass_of_hyperband_is_49_trials_and_10710_steps(parallelism: int) -> None:
    """30 to 810 by 3: brackets of 27, 12, 6, 4. Restarting would take 12,690 steps and full training 39,690."""
    simulator = Simulator(study(PASS, parallelism=parallelism))
    verdict = simulator.run()
    assert verdict.succeeded
    assert verdict.reason == "RoundsCompleted"
    assert len(simulator.trials) == 49
    assert simulator.trained_steps == 10_710
    assert Counter(trial.bracket for trial in simulator.trials.values()) == {0: 27, 1: 12, 2: 6, 3: 4}
    assert simulator.count(Outcome.COMPLETED) == 1 + 1 + 2 + 4
    assert simulator.count(Outcome.PRUNED) == 49 - 8


def test_settings_take_turns_and_climb_ladders_of_their_own() -> None:
    """Two widths: configuration i belongs to setting i % 2. Catches settings that compete with each other."""
    width = {"name": "width", "role": "Scientific", "categorical": {"values": [64, 256]}}
    simulator = Simulator(
        study(PASS | {"trials": 98}, parallelism=8, parameters=[width, {"name": "x", "float": {"min": 0, "max": 1}}])
    )
    simulator.run()
    assert simulator.trained_steps == 2 * 10_710
    assert Counter(t.bracket for t in simulator.trials.values()) == {0: 27, 1: 27, 2: 12, 3: 12, 4: 6, 5: 6, 6: 4, 7: 4}
    assert all(trial.bracket % 2 == trial.configuration % 2 for trial in simulator.trials.values())
    asks = [action.ask for action in simulator.log if isinstance(action, Start)]
    assert asks[:4] == [Ask("round-0", 0, 0), Ask("round-0", 1, 0), Ask("round-0", 0, 1), Ask("round-0", 1, 1)]


def test_a_second_round_starts_from_the_best_with_a_schedule_of_its_own() -> None:
    """The three best at the top of round 0, three runs each, new seeds, overridden rate, and the new horizon."""
    final = {"from": {"round": "round-0", "best": 3}, "maxSteps": 8100, "repeats": 3}
    final["parameters"] = [{"name": "decay", "value": "cosine"}]
    simulator = Simulator(study(PASS, final, parallelism=4))
    simulator.run()
    first = [t for t in simulator.trials.values() if t.round == "round-0" and t.outcome is Outcome.COMPLETED]
    best = sorted(first, key=lambda trial: (trial.results[810], trial.number))[:3]
    second = [t for t in simulator.trials.values() if t.round == "round-1"]
    assert [(t.configuration, t.repeat) for t in second] == [(c, r) for c in range(3) for r in range(3)]
    for trial in second:
        assert trial.parameters == {**best[trial.configuration].parameters, "decay": "cosine"}
        assert (trial.target_steps, trial.horizon_steps, trial.outcome) == (8100, 8100, Outcome.COMPLETED)
    starts = [action for action in simulator.log if isinstance(action, Start)]
    assert len({start.seed for start in starts}) == len(starts)


def test_a_round_waits_for_the_last_trial_of_the_one_before() -> None:
    """Catches a second round that starts from a ranking which may still change."""
    simulator = Simulator(study({"trials": 2, "maxSteps": 9}, {"trials": 1, "maxSteps": 9}, parallelism=4))
    simulator.apply(plan(simulator.observe()).actions)
    simulator.finish(simulator.trials["study-0"])
    simulator.settle_all()
    assert plan(simulator.observe()).actions == ()
    simulator.finish(simulator.trials["study-1"])
    simulator.settle_all()
    (start,) = plan(simulator.observe()).actions
    assert isinstance(start, Start)
    assert (start.number, start.round) == (2, "round-1")


def test_repeats_copy_the_first_runs_parameters() -> None:
    """One ask per configuration; its repeats wait for the answer. Catches an ask per repeat."""
    simulator = Simulator(study({"trials": 2, "maxSteps": 9, "repeats": 2}, parallelism=4))
    first = plan(simulator.observe()).actions
    assert [(a.configuration, a.repeat, a.ask) for a in first if isinstance(a, Start)] == [
        (0, 0, Ask("round-0", 0, 0)),
        (1, 0, Ask("round-0", 0, 1)),
    ]
    simulator.apply(first)
    second = plan(simulator.observe()).actions
    assert [(a.configuration, a.repeat, a.ask) for a in second if isinstance(a, Start)] == [(0, 1, None), (1, 1, None)]
    assert all(isinstance(a, Start) and a.parameters for a in second)


def test_a_start_that_was_lost_is_made_again_under_its_number() -> None:
    """Catches numbers that shift, and with them seeds and proposals, when a write fails."""
    simulator = Simulator(study({"trials": 3, "maxSteps": 9}, parallelism=3))
    first, lost, third = plan(simulator.observe()).actions
    simulator.apply([first, third])
    assert plan(simulator.observe()).actions == (lost,)


def running(*trials: TrialView, **fields: object) -> Observed:
    return Observed(study(PASS, **fields), trials)


def under_way(number: int, **fields: object) -> TrialView:
    base = TrialView(f"t{number}", number, "round-0", 0, number, 0, {"rate": 0.5}, 30, 810, has_pod=True)
    return replace(base, **fields)  # type: ignore[arg-type]  # the tests name fields freely


def test_lowered_parallelism_pauses_the_newest() -> None:
    """Catches pausing the oldest, which has most to lose, or pausing again while pods still go."""
    trials = [under_way(n) for n in range(4)]
    assert plan(running(*trials, parallelism=2)).actions == (
        SetDesired("t3", Desired.PAUSE),
        SetDesired("t2", Desired.PAUSE),
    )
    paused = [*trials[:2], *(replace(t, desired=Desired.PAUSE) for t in trials[2:])]
    assert plan(running(*paused, parallelism=2)).actions == ()


def test_paused_trials_come_back_before_anything_new_starts() -> None:
    """Two slots: one paused trial resumes, one new trial starts."""
    trials = [under_way(0), under_way(1, desired=Desired.PAUSE, has_pod=False)]
    resume, start = plan(running(*trials, parallelism=3)).actions
    assert resume == SetDesired("t1", Desired.RUN)
    assert isinstance(start, Start)


def test_a_trial_that_reached_its_rung_while_paused_takes_no_slot_to_wake() -> None:
    """Catches a promotion that leaves its trial paused, and a slot lost to a trial that has nothing to train."""
    trials = [under_way(n, bracket=0, results={30: n / 30}, steps=30, has_pod=False) for n in range(26)]
    trials.append(under_way(26, bracket=0, results={30: -1.0}, steps=30, has_pod=False, desired=Desired.PAUSE))
    actions = [a for a in plan(running(*trials, parallelism=1)).actions if not isinstance(a, Stop)]
    assert actions == [SetDesired("t26", Desired.RUN), Promote("t26", 90)]


def test_promotions_to_the_deepest_rung_come_first() -> None:
    """One slot, and both brackets have promotions: the second one's goes to 270. Catches the order of the brackets."""
    first = [under_way(n, bracket=0, results={30: 0.5}, steps=30, has_pod=False) for n in range(27)]
    second = [
        under_way(n, bracket=1, target_steps=90, results={90: 0.5}, steps=90, has_pod=False) for n in range(27, 39)
    ]
    actions = [a for a in plan(running(*first, *second, parallelism=1)).actions if not isinstance(a, Stop)]
    assert actions == [Promote("t27", 270)]


def test_suspend_pauses_everything_and_starts_nothing() -> None:
    """Catches a suspended study that still uses GPUs."""
    trials = [under_way(0), under_way(1)]
    actions = plan(running(*trials, parallelism=8, suspend=True)).actions
    assert set(actions) == {SetDesired("t0", Desired.PAUSE), SetDesired("t1", Desired.PAUSE)}


def test_a_pod_that_is_still_going_keeps_its_slot() -> None:
    """Catches one pod too many between the end of a segment and the end of its pod."""
    done = under_way(0, results={30: 0.5}, steps=30)
    assert plan(running(done, parallelism=1)).actions == ()


@pytest.mark.parametrize(
    ("budget", "word"),
    [
        ({"gpuHours": 1}, "budget.gpuHours"),
        ({"trainedSteps": 60}, "budget.trainedSteps"),
        ({"activeDeadlineSeconds": 100}, "budget.activeDeadlineSeconds"),
    ],
)
def test_a_spent_budget_ends_the_study_with_the_best_so_far(budget: dict[str, int], word: str) -> None:
    """Everything is stopped, then the verdict is given; without any result it is a failure."""
    trials = [
        under_way(n, trained_steps=30, gpu_seconds=1800.0, best=Observation(step=10, value=0.5)) for n in range(2)
    ]
    observed = replace(running(*trials, parallelism=4, budget=budget), elapsed_seconds=100.0)
    stopping = plan(observed)
    assert stopping.actions == (Stop("t0", Outcome.STOPPED), Stop("t1", Outcome.STOPPED))
    assert stopping.verdict is None
    assert word in stopping.budget_exhausted
    stopped = [replace(t, outcome=Outcome.STOPPED, has_pod=False) for t in trials]
    verdict = plan(replace(observed, trials=tuple(stopped))).verdict
    assert verdict is not None
    assert (verdict.succeeded, verdict.reason) == (True, "BudgetExhausted")
    without = [replace(t, best=None) for t in stopped]
    verdict = plan(replace(observed, trials=tuple(without))).verdict
    assert verdict is not None
    assert (verdict.succeeded, verdict.reason) == (False, "BudgetExhausted")
    almost = [replace(t, trained_steps=29, gpu_seconds=1799.0) for t in trials]
    assert plan(replace(observed, trials=tuple(almost), elapsed_seconds=99.0)).budget_exhausted == ""


def test_a_budget_that_is_spent_by_the_last_trial_cuts_nothing_short() -> None:
    """All rounds are done and nothing was stopped: the study completed, though the budget is used up exactly."""
    simulator = Simulator(study({"trials": 2, "maxSteps": 9}, budget={"trainedSteps": 18}))
    assert simulator.run().reason == "RoundsCompleted"


def test_a_study_whose_last_trials_were_stopped_for_the_budget_did_not_complete() -> None:
    """Every trial has ended, as after the last round, but not by itself. Catches a success that hides the budget."""
    spec = study({"trials": 1, "maxSteps": 9}, budget={"trainedSteps": 5})
    stopped = under_way(0, horizon_steps=9, outcome=Outcome.STOPPED, has_pod=False, trained_steps=5)
    verdict = plan(Observed(spec, (replace(stopped, best=Observation(step=5, value=0.1)),))).verdict
    assert verdict is not None
    assert (verdict.succeeded, verdict.reason) == (True, "BudgetExhausted")


def test_the_target_ends_the_study() -> None:
    """Catches a study that trains on when it has what was asked for."""
    simulator = Simulator(
        study({"trials": 5, "maxSteps": 9}, objective={"metric": "loss", "target": 0.3}),
        objective=lambda trial, step: [0.9, 0.5, 0.3, 0.1, 0.0][trial.configuration],
    )
    verdict = simulator.run()
    assert (verdict.succeeded, verdict.reason) == (True, "TargetReached")
    assert len(simulator.trials) == 3


def test_more_failures_than_allowed_end_the_study() -> None:
    """Two are allowed: the third ends it. Infeasible trials are no failures."""
    failed = [under_way(n, outcome=Outcome.FAILED, has_pod=False) for n in range(3)]
    infeasible = [under_way(n, outcome=Outcome.INFEASIBLE, has_pod=False) for n in range(3, 10)]
    policy = {"maxFailedTrials": 2}
    assert plan(running(*failed[:2], *infeasible, failurePolicy=policy)).verdict is None
    verdict = plan(running(*failed, *infeasible, failurePolicy=policy)).verdict
    assert verdict is not None
    assert (verdict.succeeded, verdict.reason) == (False, "TooManyFailures")


def test_failures_are_named_before_the_round_that_has_nothing_to_start_from() -> None:
    """Both hold; the failures are what a person can mend. Catches a message that hides them."""
    first: dict[str, object] = {"trials": 2, "maxSteps": 9}
    final: dict[str, object] = {"from": {"round": "round-0"}, "maxSteps": 90}
    spec = study(first, final, failurePolicy={"maxFailedTrials": 1})
    gone = tuple(under_way(n, horizon_steps=9, outcome=Outcome.FAILED, has_pod=False) for n in range(2))
    verdict = plan(Observed(spec, gone)).verdict
    assert verdict is not None
    assert verdict.reason == "TooManyFailures"


@pytest.mark.parametrize("rounds", [1, 2])
def test_a_study_without_any_result_fails_and_says_why(rounds: int) -> None:
    """Catches a success without a best trial, and a second round that waits for a source which found nothing."""
    final: dict[str, object] = {"from": {"round": "round-0"}, "maxSteps": 90}
    first: dict[str, object] = {"trials": 2, "maxSteps": 9}
    spec = study(*(first, final)[:rounds], parallelism=2)
    gone = tuple(under_way(n, horizon_steps=9, outcome=Outcome.INFEASIBLE, has_pod=False) for n in range(2))
    verdict = plan(Observed(spec, gone)).verdict
    assert verdict is not None
    assert (verdict.succeeded, verdict.reason) == (False, "NoResult")
    assert "2 were infeasible" in verdict.message


def test_no_verdict_while_a_pod_is_there() -> None:
    """Catches a study that ends and leaves a pod behind."""
    spec = study({"trials": 1, "maxSteps": 9})
    done = under_way(0, target_steps=9, horizon_steps=9, results={9: 0.1}, outcome=Outcome.COMPLETED)
    assert plan(Observed(spec, (done,))).verdict is None
    assert plan(Observed(spec, (replace(done, has_pod=False),))).verdict is not None


def test_a_finished_study_only_stops_what_is_left() -> None:
    """A trial that appears after the end (a create that was answered late) is stopped; nothing is started."""
    observed = replace(running(under_way(0), parallelism=4), finished=True)
    assert plan(observed).actions == (Stop("t0", Outcome.STOPPED),)
    assert plan(observed).verdict is None


@pytest.mark.long
@pytest.mark.parametrize("algorithm", ["None", "SuccessiveHalving", "Hyperband", "ASHA", "FreezeThaw"])
def test_ten_thousand_trials_are_planned_in_a_moment(algorithm: str) -> None:
    """Catches quadratic loops: they take minutes here. (The bound is wide, since the machine may be busy.)"""
    pruner = {"algorithm": algorithm, "minSteps": 30}
    spec = study({"trials": 10_000, "maxSteps": 810, "pruner": pruner}, parallelism=100)
    trials = tuple(
        under_way(n, bracket=0, has_pod=False, results={30: (n * 7919 % 10_007) / 10_007}, steps=30)
        for n in range(9_990)
    )
    plan(Observed(spec, trials))
    began = process_time()
    plan(Observed(spec, trials))
    assert process_time() - began < 0.5


def test_a_loser_is_pruned_though_the_study_ends_before_its_stop_was_written() -> None:
    """The same end state whichever write was lost. Catches a loser that ends as Stopped, and a rung that is decided
    by the stops of the study's end.
    """
    spec = study(PASS, budget={"trainedSteps": 1})
    reached = [under_way(n, results={30: n / 30}, steps=30, trained_steps=30, has_pod=False) for n in range(27)]
    stops = plan(Observed(spec, tuple(reached))).actions
    assert [stop.outcome for stop in stops if isinstance(stop, Stop)] == [Outcome.STOPPED] * 9 + [Outcome.PRUNED] * 18
    undecided = [*reached[:25], *(under_way(n, outcome=Outcome.STOPPED) for n in (25, 26))]
    stops = plan(Observed(spec, tuple(undecided))).actions
    assert [stop.outcome for stop in stops if isinstance(stop, Stop)] == [Outcome.STOPPED] * 25
