"""When a loss says that training fell over, and what is made of it."""

import math

import pytest

from stepladder_trainer.probes.decisions import clipping
from stepladder_trainer.probes.decisions.instability import REMEDIES, FactorRun, judge
from stepladder_trainer.probes.decisions.stability import Rise, classify
from stepladder_trainer.probes.decisions.warmup import WarmupRun, choose, rates

STEADY = [2.3 * 0.99**step for step in range(500)]


def classified(losses: list[float]) -> tuple[Rise | None, int | None]:
    found = classify(range(len(losses)), losses)
    return found.rise, found.step


def test_a_loss_that_declines_is_stable() -> None:
    assert classified(STEADY) == (None, None)


def test_a_loss_that_wobbles_by_less_than_a_tenth_of_what_was_gained_is_stable() -> None:
    assert classified([loss + 0.09 * (step % 2) for step, loss in enumerate(STEADY)]) == (None, None)


def test_a_sudden_rise_after_a_steady_decline_is_found_at_its_step() -> None:
    losses = [*STEADY[:300], 1.5, 1.4, 1.3, *STEADY[303:]]
    assert classified(losses) == (Rise.SUDDEN, 300)


def test_an_early_rise_is_found_before_anything_was_gained() -> None:
    """Very early instability followed by slow but stable training, which seldom evaluations miss."""
    assert classified([2.3, 9.0, 5.0, 2.3, *STEADY]) == (Rise.SUDDEN, 1)


def test_a_slow_rise_over_a_stretch_is_found_once_it_has_lasted() -> None:
    """15 % of the gain lost, for longer than a twentieth of the run; a shorter one is noise."""
    level = 2.3 - 0.85 * (2.3 - STEADY[300])
    short, long = ([*STEADY[:300], *[level] * length, *STEADY[300 : 500 - length]] for length in (20, 60))
    assert classified(short) == (None, None)
    assert classified(long) == (Rise.STRETCH, 324)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_unstable(bad: float) -> None:
    assert classified([*STEADY[:10], bad]) == (Rise.NOT_FINITE, 10)


def test_steps_are_those_that_were_measured() -> None:
    assert classify([0, 10, 20], [2.0, 1.0, 5.0]).step == 20


def test_percentile_and_clipped_fraction_are_the_playbooks_numbers() -> None:
    assert clipping.percentile([float(value) for value in range(1, 101)]) == pytest.approx(90.1)
    assert clipping.percentile([3.0]) == 3.0
    assert math.isnan(clipping.percentile([math.nan]))
    assert clipping.clipped_fraction([1.0, 2.0, 3.0, 4.0], 2.0) == 0.5
    assert clipping.clipped_fraction([1.0, math.nan], 2.0) == 0.5


def test_clipping_more_than_half_of_the_updates_is_too_often() -> None:
    assert not clipping.clipped_too_often([1.0, 3.0], 2.0)
    assert clipping.clipped_too_often([1.0, 3.0, 3.0], 2.0)


def test_a_histogram_counts_every_finite_norm_once() -> None:
    edges, counts = clipping.histogram([1.0, 10.0, 100.0, math.inf, math.nan], bins=2)
    assert edges == pytest.approx([1, 10, 100])
    assert counts == [1, 2]
    assert clipping.histogram([2.0, 2.0], bins=2)[1] == [2, 0]
    assert clipping.histogram([math.nan]) == ([], [])


def run(factor: float, losses: list[float], norms: tuple[float, ...] = (1.0,)) -> FactorRun:
    return FactorRun(factor, factor * 0.01, tuple(range(len(losses))), tuple(losses), norms)


SPIKED = [*STEADY[:200], 2.3, *STEADY[201:]]


def test_the_least_unstable_factor_is_named_with_its_step_and_the_remedies_in_order() -> None:
    verdict = judge([run(10, [*SPIKED[:50], math.nan]), run(5, SPIKED), run(2, STEADY)])
    assert verdict.flags == ("Unstable",)
    assert verdict.suggestions["unstable_factor"] == 5
    assert verdict.suggestions["unstable_learning_rate"] == pytest.approx(0.05)
    assert verdict.suggestions["stable_factor"] == 2
    assert "at step 200" in verdict.summary
    places = [verdict.summary.index(remedy) for remedy in REMEDIES]
    assert places == sorted(places)
    assert REMEDIES[0] == "warmup"
    assert REMEDIES[-1] == "a lower learning rate"


def test_a_training_that_is_stable_at_ten_times_its_rate_is_not_limited_by_instability() -> None:
    verdict = judge([run(2, STEADY), run(10, STEADY)])
    assert verdict.flags == ()
    assert "stable up to 10 times" in verdict.summary
    assert "unstable_factor" not in verdict.suggestions


def test_the_threshold_comes_from_the_run_that_is_nearest_to_training() -> None:
    norms = tuple(float(value) for value in range(1, 101))
    verdict = judge([run(10, SPIKED, (1e6,) * 10), run(2, STEADY, norms)])
    assert verdict.suggestions["gradient_clip"] == pytest.approx(90.1)


def test_a_clip_that_cuts_more_than_half_warns() -> None:
    norms = (1.0, 3.0, 3.0)
    assert judge([run(2, STEADY, norms)], clipped_at=2.0).flags == ("ClippedTooOften",)
    assert judge([run(2, STEADY, norms)], clipped_at=4.0).flags == ()


def test_a_warmup_reaches_the_peak_with_its_last_step_and_stays_for_twice_as_long() -> None:
    assert rates(1.0, 4) == [0.25, 0.5, 0.75, 1.0] + [1.0] * 8
    assert rates(0.3, 1) == [0.3] * 3


def warmup(length: int, losses: list[float]) -> WarmupRun:
    return WarmupRun(length, tuple(range(len(losses))), tuple(losses))


def test_the_shortest_stable_warmup_is_chosen_and_put_before_the_schedule() -> None:
    """The playbook's example: 10,000 steps and 1,000 of warmup make 11,000; above 5 %, more may be needed."""
    runs = [warmup(10, SPIKED), warmup(1000, STEADY), warmup(100, SPIKED), warmup(10_000, STEADY)]
    verdict = choose(runs, 0.3, 10_000)
    assert verdict.suggestions == {"warmup_steps": 1000, "learning_rate": 0.3, "max_train_steps": 11_000}
    assert verdict.flags == ("LongWarmup",)
    assert choose(runs, 0.3, 20_000).flags == ()  # exactly 5 %


def test_where_no_warmup_helps_none_is_suggested() -> None:
    verdict = choose([warmup(10, SPIKED), warmup(100, SPIKED)], 0.3, 1000)
    assert (verdict.flags, dict(verdict.suggestions)) == (("NoneStable",), {})
