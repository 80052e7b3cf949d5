"""What a range test suggests, on curves whose answer is known."""

import math

import pytest

from stepladder_trainer.probes.decisions.learning_rate_range import (
    Divergence,
    RangeTest,
    below_minimum,
    ramp,
    steepest,
    suggest,
    valley,
)
from stepladder_trainer.probes.decisions.smoothing import smoothed
from stepladder_trainer.probes.options import LearningRateRange


@pytest.mark.parametrize("kind", ["Exponential", "Linear"])
@pytest.mark.parametrize(("low", "high"), [(1e-7, 10.0), (1e-4, 0.3), (3e-7, 0.1)])
@pytest.mark.parametrize("steps", [2, 3, 100, 401])
def test_a_ramp_has_both_end_points_exactly(kind: str, low: float, high: float, steps: int) -> None:
    """Catches a ramp that stops one step short, or misses its end by rounding."""
    rates = ramp(LearningRateRange(low, high, kind), steps)
    assert (len(rates), rates[0], rates[-1]) == (steps, low, high)
    assert rates == sorted(rates)


def test_an_exponential_ramp_rises_by_a_factor_and_a_linear_one_by_an_amount() -> None:
    assert ramp(LearningRateRange(1e-3, 10.0), 5) == pytest.approx([1e-3, 1e-2, 1e-1, 1.0, 10.0])
    assert ramp(LearningRateRange(1.0, 9.0, "Linear"), 5) == pytest.approx([1, 3, 5, 7, 9])


def test_smoothing_is_fast_ais_and_starts_at_the_first_loss() -> None:
    """0.98 of what was known, corrected for the start: (0.0196 * 1 + 0.02 * 3) / (1 - 0.98^2)."""
    assert smoothed([1.0, 3.0]) == pytest.approx([1.0, (0.98 * 0.02 + 0.02 * 3) / (1 - 0.98**2)])


def bowl(curvatures: tuple[float, ...], rates: list[float], *, ends: bool) -> RangeTest:
    """Gradient descent on 1/2 sum(h x^2) from ones: unstable above 2 over the largest h."""
    position, losses, divergence = [1.0] * len(curvatures), [], Divergence()
    for rate in rates:
        losses.append(sum(0.5 * h * x * x for h, x in zip(curvatures, position, strict=True)))
        if divergence.after(losses[-1]) and ends:
            break
        position = [x - rate * h * x for h, x in zip(curvatures, position, strict=True)]
    return RangeTest(tuple(rates[: len(losses)]), tuple(losses))


BOWL_RAMP = ramp(LearningRateRange(1e-4, 10.0), 400)


def test_a_tenth_of_the_minimum_on_a_bowl_of_curvature_10_is_known() -> None:
    """Curvatures 1 and 10: the loss itself is least at 0.789, so that the rule gives 0.079; stability ends at 0.2."""
    test = bowl((1.0, 10.0), BOWL_RAMP, ends=False)
    assert below_minimum(test.learning_rates, test.losses) == pytest.approx(0.0789, abs=1e-4)


@pytest.mark.parametrize("curvatures", [(10.0,), (1.0, 10.0), (0.1, 1.0, 10.0)])
def test_the_suggestion_for_a_bowl_of_curvature_10_is_stable_and_useful(curvatures: tuple[float, ...]) -> None:
    """Smoothed as fast.ai does, which shows the rise of the loss later, it is still below 0.2."""
    test = bowl(curvatures, BOWL_RAMP, ends=True)
    verdict = suggest(test, 400)
    assert 0.02 < verdict.suggestions["minimum/10"] < 0.2
    assert verdict.suggestions["learning_rate"] == verdict.suggestions["minimum/10"]
    assert 1e-4 < verdict.suggestions["min_learning_rate"] < verdict.suggestions["max_learning_rate"] < 1.2
    assert len(test.losses) < 400, "it should have ended early"
    assert verdict.flags == ()


def test_a_test_ends_when_the_smoothed_loss_is_over_four_times_its_best_or_no_number() -> None:
    divergence = Divergence()
    assert not any(divergence.after(1.0) for _ in range(200))
    assert not divergence.after(100.0)  # about 2 percent of it enter the mean: 3.0
    assert divergence.after(100.0)  # 4.9
    for bad in (math.nan, math.inf):
        assert Divergence().after(bad)


def test_a_loss_below_zero_does_not_end_the_test_by_its_sign() -> None:
    """Four times a negative best is less than the best: a density model's test would end at once."""
    divergence = Divergence()
    assert not any(divergence.after(-float(step)) for step in range(50))


def test_steepest_is_where_the_loss_falls_fastest_in_the_logarithm() -> None:
    rates = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert steepest(rates, [5.0, 4.8, 2.0, 1.5, 3.0]) == 1e-3


def test_valley_is_the_middle_of_the_second_third_of_the_longest_fall() -> None:
    """30 falling points after 10 flat ones and before 10 rising ones: 10 - 1 + 10 + 5, reckoned as fast.ai does."""
    rates = [float(place) for place in range(50)]
    losses = [100.0] * 10 + [99.0 - place for place in range(30)] + [100.0 + place for place in range(10)]
    # the longest falling run has 31 points, one of the flat ones included, and ends at place 39
    assert valley(rates, losses) == 39 - 31 + int(31 / 3) + int(31 / 6)


def test_valley_agrees_with_the_definition_on_a_jagged_curve() -> None:
    """Against the quadratic-time longest decreasing subsequence, written out."""
    losses = [5 + 3 * math.sin(place * 1.7) - 0.05 * place + (place % 7) / 3 for place in range(120)]
    rates = [1.1**place for place in range(120)]
    lengths = [1] * len(losses)
    end = start = 0
    for i in range(1, len(losses)):
        for j in range(i):
            if losses[i] < losses[j] and lengths[i] < lengths[j] + 1:
                lengths[i] = lengths[j] + 1
            if lengths[end] < lengths[i]:
                end, start = i, i - lengths[i]
    third = (end - start) / 3
    assert valley(rates, losses) == rates[start + int(third) + int(third / 2)]


def test_the_first_tenth_and_the_last_five_points_count_for_nothing() -> None:
    """A dip among the last five, or a start below everything else, must not become the minimum."""
    rates = ramp(LearningRateRange(1e-6, 1.0), 100)
    losses = [0.0] * 5 + [10.0] * 10 + [10.0 - 0.1 * place for place in range(80)] + [-1e4] * 5
    verdict = suggest(RangeTest(tuple(rates), tuple(losses)), 100)
    assert rates[10] / 10 < verdict.suggestions["minimum/10"] <= rates[94] / 10


def test_what_cannot_be_suggested_is_said() -> None:
    rates = tuple(ramp(LearningRateRange(), 100))
    early = suggest(RangeTest(rates[:12], (1.0,) * 12), 100)
    assert early.flags == ("TooFewPoints",)
    assert "lower minLearningRate" in early.summary
    short = suggest(RangeTest(rates[:3], (1.0,) * 3), 3)  # nothing has left, and no other rate would help
    assert short.flags == ("TooFewPoints",)
    assert "3 steps are too few" in short.summary
    rising = suggest(RangeTest(rates, tuple(1.0 + place for place in range(100))), 100)
    assert rising.flags == ("NeverFell",)
    assert not rising.suggestions
    falling = suggest(RangeTest(rates, tuple(100.0 - place for place in range(100))), 100)
    assert falling.flags == ("StillFalling",)


def test_losses_from_the_first_that_is_no_number_on_are_left_out() -> None:
    rates = tuple(ramp(LearningRateRange(), 100))
    losses = (*(100.0 - place for place in range(60)), math.nan, *([1.0] * 39))
    suggested = suggest(RangeTest(rates, losses), 100).suggestions["minimum/10"]
    assert suggested == rates[59] / 10
