"""Which checkpoints stay: the newest two, and the best by all that is known at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepladder_trainer.checkpoints.retention import best_of, retained
from stepladder_trainer.contract import Objective
from stepladder_trainer.history import History

runs = st.lists(st.tuples(st.booleans(), st.none() | st.floats(0, 1)), min_size=1, max_size=40)
"""For each step: whether a checkpoint is saved there, and what is measured there, if anything is."""


def test_what_is_kept_of_a_run() -> None:
    """Worked by hand: 30 and 10 are the best two, 50 and 60 the newest; 20 was evaluated better, but never saved."""
    assert retained({10, 30, 40, 50, 60}, [20, 30, 10, 60, 40, 50], 2) == {10, 30, 50, 60}


def test_before_anything_is_evaluated_the_newest_two_are_kept() -> None:
    assert retained({10, 20, 30}, [], 3) == {20, 30}
    assert retained({10}, [], 3) == {10}


@given(run=runs, keep_best=st.integers(1, 5), minimize=st.booleans())
@pytest.mark.long
def test_dropping_on_the_way_loses_none_that_would_be_chosen_at_the_end(
    run: list[tuple[bool, float | None]], keep_best: int, *, minimize: bool
) -> None:
    """Files are removed as training goes, by what is known then; it must not matter."""
    objective, history = Objective("error", minimize=minimize), History()
    ever: set[int] = set()
    present: set[int] = set()
    for step, (saved, value) in enumerate(run, 1):
        if value is not None:
            history.add(step, {"error": value})
        if saved:
            ever.add(step)
            ranking = [evaluated for evaluated, _ in history.ranking(objective)]
            present = retained({*present, step}, ranking, keep_best)
            assert present == retained(ever, ranking, keep_best)
            assert len(present) <= keep_best + 2
            assert {*sorted(ever)[-2:]} <= present


@given(values=st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=1, max_size=12), count=st.integers(1, 4))
def test_of_equals_the_earlier_is_the_better(values: list[float], count: int) -> None:
    """As for the best that the operator is told: its checkpoint must be among those kept."""
    objective, history = Objective("error"), History()
    for step, value in enumerate(values, 1):
        history.add(step, {"error": value})
    ranking = [step for step, _ in history.ranking(objective)]
    best = history.best(objective)
    assert best is not None
    assert best_of(ranking, {*ranking}, count)[0] == best[0] == values.index(min(values)) + 1
