"""Probes of real learners from their options to their verdicts: known answers, cut anywhere or not."""

import json
from pathlib import Path

import pytest

from stepladder_trainer.data import Batch
from stepladder_trainer.learner import Learner, Update
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.plan import Plan
from stepladder_trainer.probes import options, running
from stepladder_trainer.probes.decisions.throughput import Timing
from stepladder_trainer.probes.measuring import step_budget, throughput
from stepladder_trainer.probes.measuring.bench import Bench
from stepladder_trainer.probes.subject import Subject
from trainer.probes.samples import BOWL, DIGITS, STEEP, StopsAfter, bench_of, cost, plan_of, probe, trial_of, verdict_of


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
    subject = Subject.of(BOWL, bench_of(BOWL).task.shape, "cpu", 1)
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


def test_a_sweep_stops_where_no_later_rate_can_be_the_fastest(tmp_path: Path) -> None:
    """An error of 1 % is a perfect fit where targets are numbers."""
    plan = plan_of("quartic", STEEP)
    verdict = verdict_of(options.StepBudget((0.03, 0.05, 0.001)), plan, steps=100, directory=tmp_path)
    points = json.loads((tmp_path / "probe.json").read_text())["points"]
    assert points[1]["fitted_at"] < points[0]["fitted_at"] < 100
    assert points[2]["steps"][-1] == points[1]["fitted_at"] == verdict.suggestions["max_train_steps"]


def test_of_several_processes_one_writes_into_the_directory_by_hand(tmp_path: Path) -> None:
    """All of them would write the same files at once."""
    for leads in (False, True):
        trial = trial_of(steps=5)
        trial.leads = leads
        running.run(trial, BOWL, UNSTABLE, str(tmp_path / "place"))
        assert trial.verdict is not None
        assert (tmp_path / "place" / "probe.json").exists() is leads


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
