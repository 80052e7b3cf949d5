"""What probes measure on real learners: known answers, and that measuring leaves nothing behind."""

import math
import random

import pytest
import torch

from stepladder_trainer import randomness
from stepladder_trainer.data import Batch
from stepladder_trainer.data.feed import Resident
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.learner import Learner, Update
from stepladder_trainer.probes import options
from stepladder_trainer.probes.measuring import learning_rate_range, step_budget, throughput
from stepladder_trainer.probes.measuring.bench import Bench
from stepladder_trainer.probes.measuring.curve import watch
from trainer.probes.samples import BOWL, DIGITS, STEEP, bench_of, cost, plan_of
from trainer.runs import assert_same


def test_a_range_test_leaves_everything_as_it_was_bit_for_bit() -> None:
    """In the middle of a training: weights, optimizer, random states, and what the next updates see."""
    bench = bench_of(DIGITS)
    disturbed, untouched = bench.learner(), bench.learner()
    for learner in (disturbed, untouched):
        train(bench, learner, range(1, 6))
    before, states = disturbed.snapshot(), randomness.global_states()
    test = learning_rate_range.measure(bench, disturbed, options.LearningRateRange(1e-4, 10), 30)
    assert len(test.losses) > 5
    assert_same(disturbed.snapshot(), before)
    assert_same(randomness.global_states(), states)
    for learner in (disturbed, untouched):
        train(bench, learner, range(6, 30))
    assert_same(disturbed.snapshot(), untouched.snapshot())


def train(bench: Bench, learner: Learner, steps: range) -> None:
    with bench.feed() as feed:
        for step in steps:
            learner.gradient(feed.batch(step), step)
            learner.apply(0.01)


def test_random_states_are_restored_even_if_the_model_draws_from_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other people's layers do."""
    bench = bench_of(BOWL)
    learner, states, real = bench.learner(), randomness.global_states(), Learner.gradient

    def drawing(self: Learner, batch: Batch, step: int) -> Update:
        torch.rand(1), random.random()
        return real(self, batch, step)

    monkeypatch.setattr(Learner, "gradient", drawing)
    learning_rate_range.measure(bench, learner, options.LearningRateRange(), 5)
    assert_same(randomness.global_states(), states)


def test_the_time_spent_waiting_for_data_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, real = cost(monkeypatch, lambda size: 0.01, lambda size: None), Resident.batch

    def slow(self: Resident, step: int) -> Batch:
        clock.now += 0.03
        return real(self, step)

    monkeypatch.setattr(Resident, "batch", slow)
    timing = throughput.measure(bench_of(BOWL), 8, 10)
    assert timing.data_wait_fraction == pytest.approx(0.75)
    assert timing.seconds_per_step == pytest.approx(0.04)


def test_a_step_budget_leaves_out_what_keeps_training_from_fitting() -> None:
    point = read(
        {
            "dropout": 0.5,
            "weight_decay": 0.1,
            "label_smoothing": 0.1,
            "augmentation": "flip",
            "warmup_steps": 10,
            "schedule": "cosine",
            "width": 32,
            "gradient_clip": 1.0,
        },
        {},
    )
    plain = step_budget.unregularised(point)
    assert plain == read({"width": 32, "gradient_clip": 1.0}, {})


def test_a_run_that_cannot_be_the_fastest_any_more_is_not_finished() -> None:
    bench = bench_of(plan_of("quadratic", {"model": "point", "optimizer": "sgd"}))
    run = step_budget.measure(bench, 0.0, steps=100, limit=7)
    assert (run.steps[-1], run.fitted_at) == (7, None)


def test_a_run_that_diverges_measures_nothing_and_fits_nothing() -> None:
    run = step_budget.measure(bench_of(BOWL), 1e30, steps=20, limit=20)
    assert run.fitted_at is None
    assert all(math.isfinite(error) for error in run.errors)


def test_a_sample_that_is_fitted_is_no_training_set_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepladder_trainer.probes.measuring.bench.SAMPLE", 1)
    bench = bench_of(plan_of("digits", {"width": 16, "optimizer": "momentum"}))
    run = step_budget.measure(bench, 0.05, steps=20, limit=20)
    assert run.fitted_at is None
    assert all(error > 0 for error in run.errors)


def test_a_loss_that_left_between_two_looks_is_seen() -> None:
    bench = bench_of(plan_of("quartic", STEEP))
    seen = watch(bench, bench.learner(), [10.0] * 50, every=1000)
    assert len(seen.steps) == 2
    assert not math.isfinite(seen.losses[-1])


def test_the_end_of_a_run_is_looked_at_whatever_the_period() -> None:
    bench = bench_of(plan_of("quartic", STEEP))
    assert watch(bench, bench.learner(), [0.01] * 10, every=4).steps == [0, 4, 8, 10]
