"""Rungs and bracket sizes against the papers' numbers."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepladder.api.study import BracketSizing, Round
from stepladder.engine.hyperband import brackets, split
from stepladder.engine.rounds import layout
from stepladder.engine.rungs import rung_steps, rungs_upwards


def hyperband(max_steps: int, min_steps: int, eta: int, sizing: BracketSizing = BracketSizing.ALGORITHM_1) -> Round:
    pruner = {"algorithm": "Hyperband", "minSteps": min_steps, "reductionFactor": eta, "bracketSizing": sizing}
    return Round.model_validate({"name": "r", "trials": 1, "maxSteps": max_steps, "pruner": pruner})


@pytest.mark.parametrize(
    ("max_steps", "min_steps", "eta", "expected"),
    [
        (810, 30, 3, (30, 90, 270, 810)),
        (243, 1, 3, (1, 3, 9, 27, 81, 243)),  # floor(log(243, 3)) is 4 in floating point
        (1000, 1, 10, (1, 10, 100, 1000)),  # and floor(log(1000, 10)) is 2
        (100, 30, 3, (33, 100)),
        (300, 1, 4, (1, 4, 18, 75, 300)),
        (30, 30, 3, (30,)),
    ],
)
def test_rungs_are_whole_divisions_of_the_top(
    max_steps: int, min_steps: int, eta: int, expected: tuple[int, ...]
) -> None:
    """Catches floating logarithms, a rung below minSteps, and a top that is not maxSteps."""
    assert rung_steps(max_steps, min_steps, eta) == expected


@pytest.mark.parametrize(
    ("max_steps", "min_steps", "eta", "expected"),
    [
        (50, 1, 3, (1, 3, 9, 27, 50)),
        (10_000, 200, 3, (200, 600, 1800, 5400, 10_000)),  # all but the top where a trainer evaluates every 200
        (82, 1, 3, (1, 3, 9, 27, 82)),  # 81 would be as good as the top
        (81, 2, 3, (2, 6, 18, 54, 81)),  # a third below the top is not within a third of it
        (80, 2, 3, (2, 6, 18, 80)),
        (30, 30, 3, (30,)),
        (40, 30, 3, (40,)),
    ],
)
def test_rungs_from_the_lowest_are_its_multiples(
    max_steps: int, min_steps: int, eta: int, expected: tuple[int, ...]
) -> None:
    """Catches a lowest rung that is not minSteps, a top that is not maxSteps, and two that are as good as one."""
    assert rungs_upwards(max_steps, min_steps, eta) == expected


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(2, 64))
def test_rungs_rise_from_min_steps_to_max_steps(a: int, b: int, eta: int) -> None:
    """Catches equal neighbours and more rungs than a Trial may carry (64)."""
    low, high = sorted((a, b))
    rungs = rung_steps(high, low, eta)
    assert rungs[-1] == high
    assert rungs[0] >= low
    assert rungs[0] // eta < low
    assert list(rungs) == sorted(set(rungs))
    assert len(rungs) <= 64


@pytest.mark.parametrize(
    ("max_steps", "min_steps", "eta", "says"), [(10, 11, 3, "minSteps"), (10, 0, 3, "minSteps"), (9, 1, 1, "reduction")]
)
def test_a_ladder_that_cannot_be_built_is_refused(max_steps: int, min_steps: int, eta: int, says: str) -> None:
    """Catches an endless loop at a factor of 1 or at 0 steps."""
    with pytest.raises(ValueError, match=says):
        rung_steps(max_steps, min_steps, eta)


@pytest.mark.parametrize(
    ("max_steps", "eta", "sizes"),
    [
        (81, 3, [81, 34, 15, 8, 5]),
        (27, 3, [27, 12, 6, 4]),
        (9, 3, [9, 5, 3]),
        (16, 2, [16, 10, 7, 5, 5]),
        (8, 2, [8, 6, 4, 4]),
        (256, 4, [256, 80, 27, 10, 5]),
        (300, 4, [256, 80, 27, 10, 5]),
        (243, 3, [243, 98, 41, 18, 9, 6]),
    ],
)
def test_algorithm_1_sizes_brackets_as_the_paper(max_steps: int, eta: int, sizes: list[int]) -> None:
    """Li et al. 2018, Algorithm 1: n = ceil(B/R * eta^s / (s+1))."""
    assert [ladder.size for ladder in brackets(hyperband(max_steps, 1, eta))] == sizes


def test_table_1_sizes_brackets_as_the_table() -> None:
    """Li et al. 2018, Table 1, which is not what Algorithm 1 gives."""
    assert [b.size for b in brackets(hyperband(81, 1, 3, BracketSizing.TABLE_1))] == [81, 27, 9, 6, 5]


@pytest.mark.parametrize(
    ("sizing", "restarted", "resumed"),
    [(BracketSizing.ALGORITHM_1, 1902, 1581), (BracketSizing.TABLE_1, 1701, 1404)],
)
def test_the_cost_of_a_pass_is_the_papers(sizing: BracketSizing, restarted: int, resumed: int) -> None:
    """R=81, eta=3: steps of a pass when each rung starts again, and when promotions resume."""
    again = once = 0
    for ladder in brackets(hyperband(81, 1, 3, sizing)):
        below = 0
        for depth, rung in enumerate(ladder.rungs):
            runs = ladder.size // 3**depth
            again += runs * rung
            once += runs * (rung - below)
            below = rung
    assert (again, once) == (restarted, resumed)


def test_passes_repeat_and_the_last_bracket_is_cut() -> None:
    """Catches a second pass that is lost, and runs that no bracket takes."""
    ladders = split(hyperband(810, 30, 3), 49 + 27 + 5)
    assert [ladder.size for ladder in ladders] == [27, 12, 6, 4, 27, 5]
    assert [ladder.rungs[0] for ladder in ladders] == [30, 90, 270, 810, 30, 90]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 3))
def test_every_run_has_a_ladder_and_every_ladder_is_filled_in_order(trials: int, count: int, repeats: int) -> None:
    """Catches a ladder that waits for runs it never gets, and one that is started after a later one."""
    round_ = hyperband(9, 1, 3).model_copy(update={"trials": trials, "repeats": repeats})
    laid = layout(round_, min(count, trials), trials)
    runs = list(laid.missing({}))
    assert len(runs) == trials * repeats
    assert Counter(run.bracket for run in runs) == {n: ladder.size for n, ladder in enumerate(laid.ladders)}
    for setting in range(laid.settings):
        of_setting = [run for run in runs if run.setting == setting]
        assert [run.bracket for run in of_setting] == sorted(run.bracket for run in of_setting)
        assert [run.index for run in of_setting] == sorted(run.index for run in of_setting)
