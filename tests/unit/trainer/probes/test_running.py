"""Probes on real learners: known answers, and that measuring leaves nothing behind."""

import json
import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch

from stepladder_trainer import randomness
from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.contract import Scalar, TrialDocument
from stepladder_trainer.data import Batch
from stepladder_trainer.data.feed import Resident
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.learner import Learner, Update
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.plan import Plan
from stepladder_trainer.probes import options, running
from stepladder_trainer.probes.decisions.throughput import Timing
from stepladder_trainer.probes.ledger import Ledger
from stepladder_trainer.probes.measuring import learning_rate_range, step_budget, throughput
from stepladder_trainer.probes.measuring.bench import Bench
from stepladder_trainer.probes.measuring.curve import watch
from stepladder_trainer.probes.subject import Subject
from stepladder_trainer.probes.verdict import Verdict
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.trial import Trial
from trainer.runs import assert_same


def trial_of(directory: Path | None = None, *, steps: int = 40, request: StopRequest | None = None) -> Trial:
    document = TrialDocument(
        seed=7, target_steps=steps, horizon_steps=steps, checkpoint_directory=directory, probe={"type": "any"}
    )
    if directory:
        Checkpoints(directory).prepare()
    return Trial(document, Board(), request or StopRequest())


def plan_of(task: str, parameters: Mapping[str, Scalar]) -> Plan:
    return Plan(task, read(parameters, {}), 1)


BOWL = plan_of("quadratic", {"model": "point", "optimizer": "sgd", "batch_size": 1024})
DIGITS = plan_of("digits", {"width": 8, "dropout": 0.3, "optimizer": "nadam", "learning_rate": 0.01})


def probe(
    asked: options.Options, plan: Plan, *, steps: int, directory: Path | None = None, request: StopRequest | None = None
) -> tuple[Trial, Verdict | None]:
    trial = trial_of(directory, steps=steps, request=request)
    with trial.saving():
        running.run(trial, plan, asked)
    return trial, trial.verdict


def verdict_of(asked: options.Options, plan: Plan, *, steps: int, directory: Path | None = None) -> Verdict:
    verdict = probe(asked, plan, steps=steps, directory=directory)[1]
    assert verdict is not None
    return verdict


def bench_of(plan: Plan) -> Bench:
    trial = trial_of()
    return Bench(trial, plan, Ledger(trial), torch.device("cpu"))


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


def test_a_range_test_costs_no_more_than_its_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    """One gradient for each, and no evaluation at all."""
    gradients: list[int] = []
    real = Learner.gradient

    def counted(self: Learner, batch: Batch, step: int) -> Update:
        gradients.append(step)
        return real(self, batch, step)

    monkeypatch.setattr(Learner, "gradient", counted)
    monkeypatch.setattr(Bench, "evaluator", lambda *_: pytest.fail("evaluated"))
    trial, _ = probe(options.LearningRateRange(1e-6, 1e-3), BOWL, steps=50)
    assert gradients == list(range(1, 51))
    assert trial.step == 50


def test_the_bowls_suggestion_is_useful_and_stable() -> None:
    """Curvatures 1 to 10: unstable above 0.2."""
    verdict = verdict_of(options.LearningRateRange(1e-4, 10), BOWL, steps=400)
    assert 0.02 < verdict.suggestions["minimum/10"] < 0.2


def test_a_test_that_diverges_ends_early_and_well() -> None:
    trial, verdict = probe(options.LearningRateRange(0.1, 1e6), BOWL, steps=300)
    assert verdict is not None
    assert trial.step < 100


class Clock:
    """Time that passes only where the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def cost(monkeypatch: pytest.MonkeyPatch, seconds: Callable[[int], float], error: Callable[[int], None]) -> Clock:
    """Let updates take `seconds(batch size)`, and memory end where `error` raises."""
    clock, real = Clock(), Learner.gradient

    def costly(self: Learner, batch: Batch, step: int) -> Update:
        error(len(batch.inputs))
        clock.now += seconds(len(batch.inputs))
        return real(self, batch, step)

    monkeypatch.setattr(throughput, "time", clock)
    monkeypatch.setattr(Learner, "gradient", costly)
    return clock


def linear_then_flat(size: int) -> float:
    return 0.01 * max(1, size / 64)


def test_a_trainer_whose_throughput_is_linear_then_flat_gets_the_batch_of_the_plateau(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cost(monkeypatch, linear_then_flat, lambda size: None)
    verdict = verdict_of(options.Throughput(8, 512, 10), BOWL, steps=1)
    assert verdict.suggestions["batch_size"] == 64
    assert verdict.suggestions["examples_per_second"] == pytest.approx(6400)
    assert verdict.suggestions["largest_batch_size"] == 512
    assert verdict.flags == ()


def test_a_throughput_says_what_it_was_measured_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the verdict, beside the points and in the log; no other probe has a key, as more than this decides there."""
    caplog.set_level("INFO")
    cost(monkeypatch, linear_then_flat, lambda size: None)
    verdict = verdict_of(options.Throughput(8, 16, 10), BOWL, steps=1, directory=tmp_path / "trial")
    subject = Subject("quadratic", BOWL.point, "cpu")
    assert (verdict.key, verdict.measured_on) == (subject.key, subject.words)
    stored = json.loads((tmp_path / "trial" / "probe.json").read_text())["verdict"]
    assert (stored["key"], stored["measuredOn"]) == (subject.key, subject.words)
    assert f"measured on {subject.words} (key {subject.key})" in caplog.text
    assert "key" not in verdict_of(options.LearningRateRange(1e-4, 1), BOWL, steps=30).document()


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)",
        "DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_memory_that_ends_is_the_upper_bound(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    tried: set[int] = set()

    def error(size: int) -> None:
        tried.add(size)
        if size > 32:
            raise RuntimeError(words)

    cost(monkeypatch, lambda size: 0.01, error)
    verdict = verdict_of(options.Throughput(8, None, 3), BOWL, steps=1)
    assert verdict.suggestions["largest_batch_size"] == 32
    assert verdict.flags == ("MemoryBound",)
    assert max(tried) == 64, "no larger one fits either"


def test_another_error_is_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    def error(size: int) -> None:
        raise RuntimeError("shapes do not match")

    cost(monkeypatch, lambda size: 0.01, error)
    with pytest.raises(RuntimeError, match="shapes"):
        probe(options.Throughput(8, 16, 3), BOWL, steps=1)


def test_batches_end_at_the_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,024 examples: a larger batch would be refused."""
    cost(monkeypatch, lambda size: 0.01, lambda size: None)
    assert verdict_of(options.Throughput(256, 4096, 2), BOWL, steps=1).suggestions["largest_batch_size"] == 1024
    with pytest.raises(ConfigurationError, match="minBatchSize is more than the 1024 training examples"):
        probe(options.Throughput(2048), BOWL, steps=1)


def test_the_time_spent_waiting_for_data_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, real = cost(monkeypatch, lambda size: 0.01, lambda size: None), Resident.batch

    def slow(self: Resident, step: int) -> Batch:
        clock.now += 0.03
        return real(self, step)

    monkeypatch.setattr(Resident, "batch", slow)
    timing = throughput.measure(bench_of(BOWL), 8, 10)
    assert timing.data_wait_fraction == pytest.approx(0.75)
    assert timing.seconds_per_step == pytest.approx(0.04)


STEEP: Mapping[str, Scalar] = {"model": "point", "optimizer": "sgd", "learning_rate": 0.05, "batch_size": 8}
UNSTABLE = options.Instability((1.0, 10.0))


def test_a_training_that_is_unstable_on_purpose_is_told_from_one_that_is_not() -> None:
    """f = 10/4 x^4 from about 1: gradient descent overshoots above a rate of about 0.2."""
    verdict = verdict_of(UNSTABLE, plan_of("quartic", STEEP), steps=60)
    assert verdict.flags == ("Unstable",)
    assert (verdict.suggestions["stable_factor"], verdict.suggestions["unstable_factor"]) == (1, 10)
    assert verdict.suggestions["unstable_learning_rate"] == 0.5


def test_clipping_at_what_the_probe_suggests_repairs_it() -> None:
    suggested = verdict_of(UNSTABLE, plan_of("quartic", STEEP), steps=60).suggestions["gradient_clip"]
    repaired = verdict_of(UNSTABLE, plan_of("quartic", {**STEEP, "gradient_clip": suggested / 10}), steps=60)
    assert repaired.suggestions["stable_factor"] == 10


def test_a_warmup_repairs_it_and_the_shortest_that_does_is_found() -> None:
    plan = plan_of("quartic", STEEP)
    verdict = verdict_of(options.Warmup(10.0, (1, 2, 100, 1000)), plan, steps=3000)
    assert verdict.suggestions["warmup_steps"] == 100
    assert verdict.suggestions["learning_rate"] == 0.5
    assert verdict.suggestions["max_train_steps"] == 3100


def test_a_warmup_that_is_long_enough_ends_the_search(tmp_path: Path) -> None:
    """Longer ones would cost ten times as much."""
    trial, _ = probe(options.Warmup(10.0, (100, 1000)), plan_of("quartic", STEEP), steps=3000, directory=tmp_path)
    assert trial.step == 300
    points = json.loads((tmp_path / "probe.json").read_text())["points"]
    assert [point["warmup_steps"] for point in points] == [100]


def test_a_loss_that_is_no_number_ends_its_run_and_not_the_probe(tmp_path: Path) -> None:
    trial, verdict = probe(options.Instability((1.0, 1e6)), plan_of("quartic", STEEP), steps=60, directory=tmp_path)
    assert verdict is not None
    assert verdict.flags == ("Unstable",)
    assert trial.step < 70
    losses = json.loads((tmp_path / "probe.json").read_text())["points"][1]["losses"]
    assert losses[-1] is None


def test_every_run_starts_from_the_same_weights_and_the_loss_is_seen_at_every_step(tmp_path: Path) -> None:
    probe(options.Instability((1.0, 2.0)), DIGITS, steps=5, directory=tmp_path)
    one, two = json.loads((tmp_path / "probe.json").read_text())["points"]
    assert one["steps"] == two["steps"] == [0, 1, 2, 3, 4, 5]
    assert one["losses"][0] == two["losses"][0]
    assert one["losses"][1] != two["losses"][1]
    assert one["gradient_norms"][0] == two["gradient_norms"][0]
    assert len(one["gradient_norms"]) == 5


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


def test_a_sweep_stops_where_no_later_rate_can_be_the_fastest(tmp_path: Path) -> None:
    """An error of 1 % is a perfect fit where targets are numbers."""
    plan = plan_of("quartic", STEEP)
    verdict = verdict_of(options.StepBudget((0.03, 0.05, 0.001)), plan, steps=100, directory=tmp_path)
    points = json.loads((tmp_path / "probe.json").read_text())["points"]
    assert points[1]["fitted_at"] < points[0]["fitted_at"] < 100
    assert points[2]["steps"][-1] == points[1]["fitted_at"] == verdict.suggestions["max_train_steps"]


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


class StopsAfter(StopRequest):
    """A signal that comes after so many updates have asked for it."""

    def __init__(self, updates: int) -> None:
        super().__init__()
        self._left = updates

    @property
    def signal(self) -> str | None:
        self._left -= 1
        return "SIGTERM" if self._left < 0 else None

    @signal.setter
    def signal(self, value: str | None) -> None: ...


ASKED: list[tuple[options.Options, Plan, int]] = [
    (options.Instability((1.0, 2.0, 3.0)), plan_of("quartic", STEEP), 10),
    (options.Warmup(10.0, (1, 2, 5)), plan_of("quartic", STEEP), 30),
    (options.StepBudget((0.01, 0.05, 0.1)), BOWL, 10),
]


@pytest.mark.parametrize(("asked", "plan", "steps"), ASKED, ids=lambda it: type(it).__name__)
@pytest.mark.parametrize("after", [1, 12, 23])
def test_a_probe_cut_anywhere_and_resumed_says_what_it_would_have_said(
    tmp_path: Path, asked: options.Options, plan: Plan, steps: int, after: int
) -> None:
    whole = verdict_of(asked, plan, steps=steps, directory=tmp_path / "whole")
    cut, nothing = probe(asked, plan, steps=steps, directory=tmp_path / "cut", request=StopsAfter(after))
    resumed, verdict = probe(asked, plan, steps=steps, directory=tmp_path / "cut")
    if nothing is None:
        assert resumed.from_step == cut.step < after
    assert verdict is not None
    assert (verdict.summary, verdict.suggestions, verdict.flags) == (whole.summary, whole.suggestions, whole.flags)
    points = [json.loads((tmp_path / name / "probe.json").read_text())["points"] for name in ("whole", "cut")]
    assert points[0] == points[1]


def test_finished_parts_are_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def measure(bench: Bench, size: int, steps: int) -> Timing:
        measured.append(size)
        for _ in range(steps):
            bench.updated()
        return Timing(size, 0.01)

    monkeypatch.setattr(throughput, "measure", measure)
    asked = options.Throughput(8, 64, 10)
    assert probe(asked, BOWL, steps=1, directory=tmp_path, request=StopsAfter(25))[1] is None
    trial, verdict = probe(asked, BOWL, steps=1, directory=tmp_path)
    assert measured == [8, 16, 32, 32, 64]
    assert (trial.from_step, trial.step) == (20, 40)
    assert verdict is not None


@pytest.mark.long
@pytest.mark.parametrize("task", ["breast_cancer", "digits"])
def test_a_step_budget_on_real_data_is_what_a_plain_training_takes(task: str) -> None:
    """The suggested number of steps, trained at the suggested rate, fits the training set without an error."""
    plan = plan_of(task, {"width": 32, "dropout": 0.2, "optimizer": "momentum"})
    verdict = verdict_of(options.StepBudget((1e-3, 1e-2, 1e-1)), plan, steps=3000)
    assert "NoneFits" not in verdict.flags
    bench = bench_of(plan)
    learner = bench.learner(step_budget.unregularised(plan.point))
    with bench.feed() as feed:
        for step in range(1, int(verdict.suggestions["max_train_steps"]) + 1):
            learner.gradient(feed.batch(step), step)
            learner.apply(verdict.suggestions["learning_rate"])
    assert bench.evaluator(bench.training).metrics(learner.model)["error"] == 0
