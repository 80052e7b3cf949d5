"""Who is best, and by how much."""

from statistics import stdev

import pytest

from engine.simulator import study
from stepladder.api.study import Direction
from stepladder.api.trial import Observation, Outcome
from stepladder.engine.observed import TrialView
from stepladder.engine.ranking import best_configurations, full_training_steps, incumbent, spread
from stepladder.engine.seeds import run_seed

SPEC = study({"trials": 9, "maxSteps": 9}, {"trials": 9, "maxSteps": 90})
NAN = float("nan")


def trial(
    number: int,
    value: float,
    outcome: Outcome | None = Outcome.COMPLETED,
    *,
    round_: str = "round-0",
    steps: int = 9,
    configuration: int | None = None,
    repeat: int = 0,
    best: float | None = None,
) -> TrialView:
    return TrialView(
        name=f"t{number}",
        number=number,
        round=round_,
        bracket=0,
        configuration=number if configuration is None else configuration,
        repeat=repeat,
        parameters={},
        target_steps=steps,
        horizon_steps=9,
        outcome=outcome,
        steps=steps,
        results={steps: value},
        best=Observation(step=steps, value=value if best is None else best),
    )


def winner(*trials: TrialView) -> str | None:
    best = incumbent(SPEC, trials)
    return best.name if best else None


def test_the_incumbent_is_the_best_completed_trial_of_the_latest_round() -> None:
    """Results of different budgets do not compare. Catches an early round's luck that beats the final."""
    early, late = trial(0, 0.1), trial(1, 0.2, round_="round-1")
    running = trial(2, 0.0, None, round_="round-1")
    assert winner(early, late, running) == "t1"
    assert winner(early, running) == "t0"


def test_where_runs_are_repeated_the_best_mean_wins_not_the_luckiest_run() -> None:
    """Catches a study that reports the mean of one configuration and the luck of another."""
    rounds = ({"trials": 2, "maxSteps": 9, "repeats": 2},)
    lucky = [trial(0, 0.1, configuration=0), trial(1, 0.5, configuration=0)]
    steady = [trial(2, 0.21, configuration=1), trial(3, 0.2, configuration=1)]
    best = incumbent(study(*rounds), [*lucky, *steady])
    assert best is not None
    assert best.name == "t3"
    told = spread(Direction.MINIMIZE, [*lucky, *steady])
    assert told is not None
    assert told.trial == "t2"


def test_without_completed_trials_any_finite_best_is_the_incumbent() -> None:
    """Catches a study over budget that has nothing to show."""
    assert winner(trial(0, 0.3, Outcome.PRUNED), trial(1, 0.2, Outcome.STOPPED)) == "t1"


@pytest.mark.parametrize("value", [NAN, float("inf"), float("-inf")])
def test_what_is_not_finite_never_wins(value: float) -> None:
    """Catches NaN, which compares as no worse than anything."""
    assert winner(trial(0, value), trial(1, 0.5), trial(2, value)) == "t1"
    assert winner(trial(0, value)) is None


def test_an_infeasible_trial_never_wins() -> None:
    """It was good until it diverged. Catches a best trial that nobody can train again."""
    assert winner(trial(0, 0.1, Outcome.INFEASIBLE), trial(1, 0.5, Outcome.PRUNED)) == "t1"
    assert winner(trial(0, 0.1, Outcome.INFEASIBLE)) is None


def test_ties_go_to_more_steps_then_to_the_lower_number() -> None:
    """Catches an incumbent that changes with the order of the trials."""
    short, long, later = trial(0, 0.5, steps=3), trial(1, 0.5), trial(2, 0.5)
    assert winner(later, short, long) == "t1"


def test_the_trial_that_met_the_target_is_the_incumbent() -> None:
    """It was stopped, hence not completed. Catches a study that reached its target and shows another trial."""
    spec = study({"trials": 9, "maxSteps": 9}, objective={"metric": "loss", "target": 0.1})
    best = incumbent(spec, [trial(0, 0.2), trial(1, 0.1, Outcome.STOPPED)])
    assert best is not None
    assert best.name == "t1"


def test_the_direction_decides() -> None:
    """Catches a study of accuracies won by the worst."""
    spec = study({"trials": 9, "maxSteps": 9}, objective={"metric": "accuracy", "direction": "Maximize"})
    best = incumbent(spec, [trial(0, 0.2), trial(1, 0.9)])
    assert best is not None
    assert best.name == "t1"
    assert best_configurations(Direction.MAXIMIZE, [trial(0, 0.2), trial(1, 0.9)], 1)[0].value == 0.9


def test_configurations_rank_completed_then_furthest_then_failed() -> None:
    """Infeasible ones are not among them. Catches a round seeded with what looked good after a few steps."""
    trials = [
        trial(0, 0.9),
        trial(1, 0.5),
        trial(2, 0.1, Outcome.PRUNED, steps=3),
        trial(3, 0.0, Outcome.PRUNED, steps=1),
        trial(4, 0.0, Outcome.FAILED, steps=3),
        trial(5, 0.0, Outcome.INFEASIBLE, steps=3),
    ]
    ranked = best_configurations(Direction.MINIMIZE, reversed(trials), 9)
    assert [c.runs[0].number for c in ranked] == [1, 0, 2, 3, 4]
    assert len(best_configurations(Direction.MINIMIZE, trials, 2)) == 2


def test_repeats_are_ranked_by_their_mean() -> None:
    """Catches one lucky seed that carries its configuration. The best on the way does not count either."""
    lucky = [trial(0, 0.1, configuration=0), trial(1, 0.9, configuration=0, repeat=1)]
    steady = [trial(2, 0.4, configuration=1, best=0.3), trial(3, 0.3, configuration=1, repeat=1)]
    (best,) = best_configurations(Direction.MINIMIZE, [*lucky, *steady], 1)
    assert [run.number for run in best.runs] == [2, 3]
    assert best.value == pytest.approx(0.35)
    found = spread(Direction.MINIMIZE, [*lucky, *steady])
    assert found is not None
    assert (found.trial, found.repeats) == ("t2", 2)
    assert found.mean == pytest.approx(0.35)
    assert found.standard_deviation == pytest.approx(stdev([0.4, 0.3]))


def test_one_run_has_no_spread() -> None:
    """Catches a standard deviation of one value, which is no number, and one over unfinished repeats."""
    assert spread(Direction.MINIMIZE, [trial(0, 0.1)]) is None
    unfinished = trial(1, 0.2, None, configuration=0, repeat=1)
    assert spread(Direction.MINIMIZE, [trial(0, 0.1), unfinished]) is None


def test_full_training_counts_every_started_trial_to_its_horizon() -> None:
    """What was saved is measured against this: 49 trials of 810 steps are 39,690."""
    assert full_training_steps([trial(0, 0.1), trial(1, 0.1, Outcome.PRUNED, steps=1)]) == 18


def test_seeds_are_the_same_in_every_process_and_differ_between_runs() -> None:
    """The values are pinned: another value would give every study other results after an upgrade."""
    assert run_seed(0, "explore", 0, 0) == 1537917856
    seeds = {run_seed(s, r, c, k) for s in range(3) for r in ("a", "b") for c in range(20) for k in range(3)}
    assert len(seeds) == 3 * 2 * 20 * 3
    assert all(0 <= seed < 2**31 for seed in seeds)
