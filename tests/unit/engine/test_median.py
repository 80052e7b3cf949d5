"""The median stopping rule (Golovin et al., KDD 2017), against plain arithmetic."""

from statistics import fmean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.curves import LADDER, climbing, named
from stepladder.api.study import Direction, Round
from stepladder.api.trial import Outcome
from stepladder.engine import median as median_rule
from stepladder.engine.median import moves, running_averages, split
from stepladder.engine.observed import TrialView


def pruned(trials: list[TrialView], direction: Direction = Direction.MINIMIZE) -> set[int]:
    return {trial.number for trial in moves(LADDER, trials, direction).prunes}


def repeating(number: int, *values: float, outcome: Outcome | None = None) -> TrialView:
    """Four evaluations or more, since nobody is judged before: the values again and again, so that averages stay."""
    return climbing(number, *(values * (4 // len(values))), outcome=outcome)


def test_the_rule_compares_the_best_so_far_with_the_median_of_running_averages() -> None:
    """Others' averages up to step 2: .2, .3, .4, .5, .6.
    Catches the mean of all, and the values in place of averages."""
    others = [repeating(n, 0.3 + n / 10, 0.1 + n / 10) for n in range(5)]
    assert 9 in pruned([*others, repeating(9, 0.9, 0.41)])
    assert 9 not in pruned([*others, repeating(9, 0.9, 0.39)])
    assert 9 not in pruned([*others, repeating(9, 0.39, 0.9)]), "the best so far counts, not the last"
    assert 9 not in pruned([*others, repeating(9, 0.9, 0.4)]), "as good as the median is not worse"


def test_it_is_a_true_median() -> None:
    """Three hopeless others move a mean beyond everything, a median by one place; with an even number it lies between.
    Catches an arithmetic mean under the median's name."""
    others = [repeating(n, value) for n, value in enumerate((0.1, 0.2, 0.3, 0.4, 50.0, 60.0))]
    assert 9 in pruned([*others, repeating(9, 0.36)])
    assert 9 not in pruned([*others, repeating(9, 0.34)])


def test_nobody_is_judged_before_five_others_or_the_first_judged_step() -> None:
    """Catches a verdict on the first trials, and one before minSteps."""
    assert pruned([*(repeating(n, 0.1) for n in range(4)), repeating(9, 0.9)]) == set()
    assert pruned([*(repeating(n, 0.1) for n in range(5)), repeating(9, 0.9)]) == {9}
    late = split(Round.model_validate(ROUND), 6)[0]
    assert (late.rungs, late.size, late.judged_from) == ((50,), 6, 6)
    others = [climbing(n, *([0.1] * 6)) for n in range(5)]
    assert moves(late, [*others, climbing(9, *([0.9] * 5))], Direction.MINIMIZE).prunes == ()
    judged = moves(late, [*others, climbing(9, *([0.9] * 6))], Direction.MINIMIZE).prunes
    assert [trial.number for trial in judged] == [9]


def test_nobody_is_judged_before_its_fourth_evaluation() -> None:
    """At the first one half of all would be gone: on noisy curves that takes more steps to a target than no pruning."""
    others = [climbing(n, *([0.1] * 4)) for n in range(5)]
    assert pruned([*others, climbing(9, 0.9, 0.9, 0.9)]) == set()
    assert pruned([*others, climbing(9, 0.9, 0.9, 0.9, 0.9)]) == {9}


ROUND = {"name": "r", "trials": 6, "maxSteps": 50, "pruner": {"algorithm": "Median", "minSteps": 6}}


def test_running_paused_and_ended_trials_all_count_but_only_those_still_to_train_are_pruned() -> None:
    """Catches a threshold from completed trials only, and a finished trial that changes."""
    others = [repeating(n, 0.1) for n in range(4)]
    worst = repeating(9, 0.9)
    assert pruned([*others, repeating(5, 0.1, outcome=Outcome.PRUNED), worst]) == {9}
    assert pruned([*others, repeating(5, 0.1, outcome=Outcome.INFEASIBLE), worst]) == {9}
    assert pruned([*others, repeating(5, 0.1), repeating(9, 0.9, outcome=Outcome.STOPPED)]) == set()
    at_the_top = climbing(9, *([0.9] * 50))
    assert pruned([*(climbing(n, *([0.1] * 50)) for n in range(6)), at_the_top]) == set(), "the top is never judged"


def test_it_maximises_too() -> None:
    """Catches a direction that is lost."""
    trials = [*(repeating(n, 0.9) for n in range(5)), repeating(7, 0.1), repeating(8, 0.95)]
    assert pruned(trials, Direction.MAXIMIZE) == {7}


curves = st.lists(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7]), min_size=0, max_size=6), min_size=1, max_size=9)


@settings(deadline=None, max_examples=150)
@given(st.lists(curves, min_size=1, max_size=4), st.sampled_from(Direction))
def test_what_was_computed_before_changes_no_verdict(histories: list[list[list[float]]], direction: Direction) -> None:
    """One ladder after another state of it, in any order, as after a restart or a deletion, against the definition.
    Catches an average that outlives its trial, and one that is counted twice."""
    for values in histories:
        trials = [named("same", climbing(n, *curve)) for n, curve in enumerate(values)]
        sign = 1 if direction is Direction.MINIMIZE else -1
        expected = set()
        for number, curve in enumerate(values):
            n = len(curve)
            averages = [fmean(other[:n]) for at, other in enumerate(values) if at != number and len(other) >= n > 0]
            if n >= 4 and len(averages) >= 5:
                best = min(sign * value for value in curve)
                if best > median(sign * average for average in averages) + 1e-9:
                    expected.add(number)
        found = pruned(trials, direction)
        assert expected <= found
        assert all(_nearly(values, number, sign) for number in found - expected)


def _nearly(values: list[list[float]], number: int, sign: int) -> bool:
    """Whether the best equals the median but for rounding."""
    n = len(values[number])
    averages = [sign * fmean(o[:n]) for at, o in enumerate(values) if at != number and len(o) >= n > 0]
    return abs(min(sign * v for v in values[number]) - median(averages)) < 1e-9


def test_only_the_trial_that_has_reported_is_averaged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand trials that each report fifty times are judged fifty thousand times. Catches averaging all of them
    each time, which takes minutes."""
    averaged: list[str] = []

    def counting(trial: TrialView, direction: Direction) -> dict[int, float]:
        averaged.append(trial.name)
        return running_averages(trial, direction)

    trials = [named("large", climbing(n, n / 10)) for n in range(10)]
    monkeypatch.setattr(median_rule, "running_averages", counting)
    pruned(trials)
    assert len(averaged) == 10
    trials[3] = named("large", climbing(3, 0.3, 0.2))
    pruned(trials)
    pruned(trials)
    assert averaged[10:] == ["large-3"]


@pytest.mark.parametrize("value", [3.4e38, -3.4e38])
def test_the_largest_values_are_averaged(value: float) -> None:
    """Catches a sum that overflows."""
    trials = [repeating(n, value) for n in range(5)]
    assert (9 in pruned([*trials, repeating(9, 0.0)])) is (value < 0)
