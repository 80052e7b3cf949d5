"""The critical batch size of data whose answer is known."""

from dataclasses import replace
from math import inf, isfinite, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepladder.engine.critical_batch import Regime, fit

SIZES = (16, 32, 64, 128, 256)


@given(
    critical=st.floats(17, 255),
    min_steps=st.floats(1, 1e6),
    sizes=st.lists(st.sampled_from(SIZES[1:-1]), max_size=3, unique=True),
)
def test_what_the_formula_has_made_is_recovered(critical: float, min_steps: float, sizes: list[int]) -> None:
    """McCandlish et al. 2018, section 2.3. Catches a fit of the steps themselves, and S_min and E_min interchanged."""
    middle = sizes or [64]
    points = [(batch, min_steps * (1 + critical / batch)) for batch in (16, *middle, 256)]
    found = fit(points)
    assert found is not None
    assert found.measured
    assert found.critical == pytest.approx(critical, rel=1e-5)
    assert found.min_steps == pytest.approx(min_steps, rel=1e-5)
    assert found.min_examples == pytest.approx(min_steps * critical, rel=1e-5)
    for batch, steps in points:
        examples = batch * steps
        assert (steps / found.min_steps - 1) * (examples / found.min_examples - 1) == pytest.approx(1, rel=1e-3)
    assert found.deviation < 1e-5


def test_at_the_critical_size_it_takes_twice_the_least_of_both() -> None:
    found = fit([(batch, 100 * (1 + 64 / batch)) for batch in SIZES])
    assert found is not None
    assert found.steps(64) == pytest.approx(200)
    assert 64 * found.steps(64) == pytest.approx(2 * found.min_examples)


def test_perfect_scaling_puts_it_beyond_the_largest_size() -> None:
    """Catches a number told where every doubling has halved the steps: there is no bend to see."""
    found = fit([(batch, 64_000 / batch) for batch in SIZES])
    assert found is not None
    assert found.critical > 100 * 256
    assert not found.measured
    assert {found.regime(batch) for batch in SIZES} == {Regime.PERFECT_SCALING}


@pytest.mark.parametrize("steps", [(500,) * 5, (500, 510, 520, 530, 540)])
def test_a_plateau_puts_it_below_the_smallest_size(steps: tuple[int, ...]) -> None:
    """Steps that even rise with the batch are no better than a plateau."""
    found = fit(list(zip(SIZES, steps, strict=True)))
    assert found is not None
    assert found.critical < 0.1 * 16
    assert not found.measured
    assert {found.regime(batch) for batch in SIZES} == {Regime.MAXIMAL_DATA_PARALLELISM}


def test_the_regimes_follow_one_another() -> None:
    """Doubling the batch saves 40 % of the steps at a fourth of the critical size, and 10 % at four times it."""
    found = fit([(batch, 100 * (1 + 64 / batch)) for batch in (8, *SIZES)])
    assert found is not None
    assert 1 - found.steps(32) / found.steps(16) == pytest.approx(0.4)
    assert 1 - found.steps(512) / found.steps(256) == pytest.approx(0.1)
    assert [found.regime(batch) for batch in (8, 15, 32, 64, 128, 257)] == [
        *(2 * [Regime.PERFECT_SCALING]),
        *(3 * [Regime.DIMINISHING_RETURNS]),
        Regime.MAXIMAL_DATA_PARALLELISM,
    ]


def test_two_sizes_say_nothing() -> None:
    assert fit([(16, 100), (32, 60)]) is None
    assert fit([]) is None


def test_the_standard_error_is_that_of_least_squares() -> None:
    """By the normal equations of (log S_min, log B_crit), against the curve's own slopes."""
    noise = (0.1, -0.1, 0.05, -0.1, 0.1)
    points = [(b, 100 * (1 + 64 / b) * (1 + n)) for b, n in zip(SIZES, noise, strict=True)]
    found = fit(points)
    assert found is not None
    left = [log(steps / found.steps(batch)) for batch, steps in points]
    slopes = [found.critical / (batch + found.critical) for batch in SIZES]
    mean = sum(slopes) / 5
    expected = sqrt(sum(r * r for r in left) / 3 / sum((s - mean) ** 2 for s in slopes))
    assert sum(r * s for r, s in zip(left, slopes, strict=True)) == pytest.approx(0, abs=1e-6)  # it is the least
    assert found.standard_error == pytest.approx(expected)
    assert found.deviation == pytest.approx(sqrt(sum(r * r for r in left) / 5))
    low, high = found.interval
    assert low < 64 < high


def test_the_interval_is_finite_however_large_the_standard_error() -> None:
    """Sizes that lie close together say next to nothing; JSON has no infinity."""
    found = fit([(32, 8000), (64, 3000), (128, 1000)])
    assert found is not None
    for error in (found.standard_error, 1e6, inf):
        assert all(map(isfinite, replace(found, critical=1e6, standard_error=error).interval))
