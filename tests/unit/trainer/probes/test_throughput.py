"""Which batch is the largest that pays, for processes whose cost is known."""

from collections.abc import Callable

import pytest

from stepladder_trainer.probes.decisions.throughput import Timing, judge, largest_that_rises, sizes


def timings(
    seconds: Callable[[int], float],
    largest: int = 1024,
    *,
    data_wait_fraction: float = 0,
    synchronisation_fraction: float = 0,
) -> list[Timing]:
    return [Timing(size, seconds(size), data_wait_fraction, synchronisation_fraction) for size in sizes(8, largest)]


def linear_then_flat(plateau: int) -> Callable[[int], float]:
    """A step takes as long for every batch up to `plateau`, and in proportion above: throughput rises, then is flat."""
    return lambda size: 0.01 * max(1.0, size / plateau)


@pytest.mark.parametrize("plateau", [8, 16, 64, 256, 1024])
def test_the_batch_at_the_plateau_is_chosen(plateau: int) -> None:
    assert largest_that_rises(timings(linear_then_flat(plateau))).batch_size == plateau
    verdict = judge(timings(linear_then_flat(plateau)))
    assert verdict.suggestions["batch_size"] == plateau
    assert verdict.suggestions["examples_per_second"] == pytest.approx(plateau / 0.01)
    assert verdict.suggestions["largest_batch_size"] == 1024


def test_one_slow_measurement_on_the_way_up_does_not_end_it() -> None:
    """Catches a rule that looks at neighbours alone."""
    measured = [Timing(it.batch_size, it.seconds_per_step * (3 if it.batch_size == 32 else 1)) for it in
                timings(linear_then_flat(128))]  # fmt: skip
    assert largest_that_rises(measured).batch_size == 128


def test_a_doubling_that_brings_less_than_a_sixth_does_not_pay() -> None:
    """s = a + b n: at 64 of 56 + n a doubling brings a third, at 512 a twentieth."""
    assert largest_that_rises(timings(lambda size: 56 + size)).batch_size == 256


def test_sizes_are_powers_of_two_times_the_smallest() -> None:
    assert sizes(8, 100) == [8, 16, 32, 64]
    assert sizes(8, 64) == [8, 16, 32, 64]
    assert sizes(3, 12) == [3, 6, 12]


def test_memory_is_a_bound_and_no_failure() -> None:
    measured = [*timings(linear_then_flat(1024), largest=64), Timing(128, fits=False)]
    verdict = judge(measured)
    assert verdict.suggestions["batch_size"] == verdict.suggestions["largest_batch_size"] == 64
    assert verdict.flags == ("MemoryBound",)
    assert "a batch of 128 does not fit into memory" in verdict.summary


def test_where_not_even_the_smallest_batch_fits_nothing_is_suggested() -> None:
    verdict = judge([Timing(8, fits=False)])
    assert (verdict.flags, dict(verdict.suggestions)) == (("OutOfMemory",), {})


def test_a_throughput_that_still_rises_at_the_end_is_said_to() -> None:
    assert judge(timings(lambda size: 0.01)).flags == ("StillRising",)
    assert judge(timings(linear_then_flat(64))).flags == ()


def test_what_holds_throughput_back_is_named() -> None:
    assert judge(timings(linear_then_flat(64), data_wait_fraction=0.5)).flags == ("InputBound",)
    assert judge(timings(linear_then_flat(64), synchronisation_fraction=0.5)).flags == ("SynchronisationBound",)


def test_waiting_below_the_chosen_batch_explains_nothing() -> None:
    waiting = [Timing(8, 0.01, data_wait_fraction=0.9), *timings(linear_then_flat(64))[1:]]
    assert judge(waiting).flags == ()
