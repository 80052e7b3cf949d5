"""What is kept of a long curve is the same however it was come by."""

from hypothesis import given
from hypothesis import strategies as st

from stepladder.control.thinning import kept_steps

steps = st.sets(st.integers(0, 1200), max_size=300)


@given(steps, steps)
def test_what_is_kept_does_not_depend_on_when_it_was_seen(earlier: set[int], later: set[int]) -> None:
    """Half of the curve from the status, half scraped since, as after a restart; all but what was the newest once.
    Catches the newest so many, of which a status that was written before has others."""
    at_once = kept_steps(earlier | later, 1000)
    in_two = kept_steps(kept_steps(earlier, 1000) | later, 1000)
    assert at_once == in_two


@given(steps)
def test_it_is_bounded_and_spread(found: set[int]) -> None:
    kept = kept_steps(found, 1000)
    assert len(kept) <= 64
    if found:
        assert {min(found), max(found)} <= kept
    assert kept <= found


def test_fifty_evaluations_are_all_kept() -> None:
    """Catches a curve that is thinned without need."""
    assert kept_steps(range(20, 1001, 20), 1000) == set(range(20, 1001, 20))
