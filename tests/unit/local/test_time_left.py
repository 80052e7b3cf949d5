"""The estimate of the time that is left, on runs whose every segment and step takes a known time."""

import pytest

from stepladder.local.time_left import TimeLeft, Work

# One pass of Hyperband as examples/digits.yaml has it: how many segments, and the steps of each, in about their order.
SEGMENTS = [30] * 27 + [60] * 9 + [180] * 3 + [540] + [90] * 12 + [180] * 4 + [540] + [270] * 6 + [540] * 2 + [810] * 4
PLANNED = Work(len(SEGMENTS), sum(SEGMENTS))


def estimates(segment: float, step: float) -> list[tuple[float, float]]:
    """After each segment: the estimate, and the truth."""
    left, told, done, seconds = TimeLeft(PLANNED), [], Work(0, 0), 0.0
    total = segment * PLANNED.segments + step * PLANNED.steps
    for steps in SEGMENTS[:-1]:
        done = Work(done.segments + 1, done.steps + steps)
        seconds += segment + step * steps
        left.observe(done, seconds)
        remaining = left.seconds(Work(PLANNED.segments - done.segments, PLANNED.steps - done.steps))
        assert remaining is not None
        told.append((remaining, total - seconds))
    return told


@pytest.mark.parametrize(("segment", "step"), [(1.0, 0.0), (1.0, 0.002), (0.0, 0.1), (5.0, 1.0)])
def test_the_estimate_is_right_within_a_factor_of_four_from_the_first_segment_and_soon_better(
    segment: float, step: float
) -> None:
    """By steps alone the first estimate is five times the truth where starts take the time."""
    told = estimates(segment, step)
    assert all(truth / 4 < remaining < truth * 4 for remaining, truth in told)
    assert all(truth / 1.1 < remaining < truth * 1.1 for remaining, truth in told[2 * len(told) // 3 :])


def test_nothing_is_said_before_there_is_something_to_go_by() -> None:
    left = TimeLeft(PLANNED)
    left.observe(Work(0, 0), 10.0)
    assert left.seconds(PLANNED) is None


def test_times_are_never_negative() -> None:
    """A first segment that waited long for a download makes steps seem to take less than nothing."""
    left = TimeLeft(Work(10, 1000))
    left.observe(Work(1, 10), 100.0)
    left.observe(Work(2, 500), 101.0)
    assert (left.seconds(Work(0, 500)) or 0) >= 0
    assert (left.seconds(Work(1, 0)) or 0) >= 0
