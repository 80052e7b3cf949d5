"""What is measured of a model: every example once, whatever the batches, and what is kept beside the checkpoints."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stepladder_trainer import tasks
from stepladder_trainer.checkpoints.store import open_store
from stepladder_trainer.cli import main
from stepladder_trainer.data import Dataset, Examples
from stepladder_trainer.data.part import part_of
from stepladder_trainer.data.sampling import sample
from stepladder_trainer.evaluation import Evaluations, Evaluator, baseline
from stepladder_trainer.evaluation.evaluations import default_batch, default_training_sample, sampled
from stepladder_trainer.evaluation.journal import MOST, Journal
from stepladder_trainer.evaluation.predictions import described
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.plan import EvaluationSettings
from stepladder_trainer.tasks import Task, classification, regression
from trainer.conftest import Home

CPU = torch.device("cpu")
GENERATOR = torch.Generator().manual_seed(0)
LABELS = torch.tensor([0] * 60 + [1] * 30 + [2] * 7)
EXAMPLES = Examples(torch.randn(97, 4, generator=GENERATOR), LABELS)
MODEL = nn.Linear(4, 3)


class Listed:
    """The same examples, read one by one."""

    targets = EXAMPLES.targets

    def __len__(self) -> int:
        return len(EXAMPLES)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return EXAMPLES[index]


def evaluator(dataset: Dataset, batch_size: int, **settings: Any) -> Evaluator:
    return Evaluator(dataset, classification.measure, CPU, batch_size=batch_size, classes=3, **settings)


@pytest.mark.parametrize("batch_size", [1, 10, 32, 96, 97, 500])
@pytest.mark.parametrize("dataset", [EXAMPLES, Listed()], ids=["in memory", "loaded"])
def test_a_batch_that_does_not_divide_the_set_weighs_as_many_examples_as_it_has(
    dataset: Dataset, batch_size: int
) -> None:
    """Against all examples in one. Catches a mean of the batches' means, which 97 examples in batches of 32 tell."""
    values = classification.measure(MODEL(EXAMPLES.inputs), EXAMPLES.targets)
    found = evaluator(dataset, batch_size, workers=0).measured(MODEL)
    for name, each in values.items():
        assert found.metrics[name] == pytest.approx(each.double().mean().item(), rel=1e-6)
    right = values["error"] == 0
    assert found.correct == tuple(int(right[label == LABELS].sum()) for label in range(3))
    assert found.examples == (60, 30, 7)


def test_a_sample_that_is_held_is_read_once() -> None:
    """Images would be decoded again at every evaluation."""
    asked: list[int] = []

    class Counted(Listed):
        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            asked.append(index)
            return super().__getitem__(index)

    held = evaluator(part_of(Counted(), torch.arange(40)), 16, held=True)
    first, second = held.measured(MODEL), held.measured(MODEL)
    assert asked == list(range(40))
    assert first == second == evaluator(part_of(EXAMPLES, torch.arange(40)), 16).measured(MODEL)


def test_processes_together_measure_what_one_does() -> None:
    ranks: list[Mapping[str, float]] = []

    def heard(totals: Mapping[str, float]) -> Mapping[str, float]:
        ranks.append(totals)
        return totals

    for rank in range(4):
        evaluator(EXAMPLES, 10, rank=rank, world=4, sums=heard).measured(MODEL)
    everywhere = {name: sum(rank[name] for rank in ranks) for name in ranks[0]}
    together = evaluator(EXAMPLES, 10, sums=lambda _: everywhere).measured(MODEL)
    alone = evaluator(EXAMPLES, 10).measured(MODEL)
    assert together.metrics == pytest.approx(dict(alone.metrics))
    assert (together.correct, together.examples) == (alone.correct, alone.examples)


def test_a_set_of_fewer_examples_than_processes_is_measured_by_all() -> None:
    """Else one would have nothing to add up, and the others would wait for it."""
    one = part_of(EXAMPLES, torch.tensor([3]))
    for rank in range(2):
        found = evaluator(one, 10, rank=rank, world=2, sums=lambda _: {}).measured(MODEL)
        assert found == evaluator(one, 10).measured(MODEL)


def test_a_mean_that_is_not_finite_is_no_number_and_counts_as_wrong() -> None:
    broken = nn.Linear(4, 3)
    nn.init.constant_(broken.weight, math.nan)
    found = evaluator(EXAMPLES, 50).measured(broken)
    assert all(math.isnan(value) for value in found.metrics.values())
    assert found.correct == (0, 0, 0)


def test_a_model_comes_back_in_the_mode_it_was_in() -> None:
    for training in (True, False):
        MODEL.train(training)
        evaluator(EXAMPLES, 50).metrics(MODEL)
        assert MODEL.training is training


def task(*, validation: Dataset = EXAMPLES, **fields: Any) -> Task:
    return Task(
        EXAMPLES, validation, Shape((4,), 3), classification.loss, classification.measure,
        **{"classes": ("often", "seldom", "rarely"), **fields},
    )  # fmt: skip


def evaluations(made: Task, directory: Path | None = None, **settings: int) -> Evaluations:
    store = open_store(directory) if directory else None
    return Evaluations(made, CPU, EvaluationSettings(**settings), training_batch=8, horizon=90, store=store, workers=0)


def test_a_sample_is_measured_before_the_horizon_and_everything_at_it() -> None:
    """By the step alone: a trial that is cut at a rung must not measure more there than one that is not."""
    test = part_of(EXAMPLES, torch.arange(70))
    found = evaluations(task(test=test), sample=20, training=30)
    periodic, final = found.at(30, MODEL), found.at(90, MODEL)
    wanted = {
        "validation": (sampled(EXAMPLES, 20), EXAMPLES),
        "training": (sampled(EXAMPLES, 30), sampled(EXAMPLES, 30)),
    }
    for name, (before, after) in wanted.items():
        assert periodic[f"{name}_error"] == evaluator(before, 97).metrics(MODEL)["error"]
        assert final[f"{name}_error"] == evaluator(after, 97).metrics(MODEL)["error"]
    assert "training_loss" not in final, "that is the name of the running loss"
    assert final["test_error"] == evaluator(test, 97).metrics(MODEL)["error"]
    assert "test_error" not in periodic
    assert "training_error" not in evaluations(task(), training=0).at(30, MODEL)
    assert [default_training_sample(size) for size in (1, 359, 10_000)] == [32, 89, 256]


def test_a_sample_matches_the_full_set_in_its_classes() -> None:
    for dataset in (EXAMPLES, Listed()):
        chosen = sampled(dataset, 32)
        labels = torch.stack([chosen[index][1] for index in range(len(chosen))])
        assert labels.bincount().tolist() == [20, 10, 2]
    assert sampled(EXAMPLES, 97) is EXAMPLES


def test_a_sample_that_misses_is_told_at_the_horizon(caplog: pytest.LogCaptureFixture) -> None:
    """A model that is right on just the sample's examples, by a mark that these carry."""
    chosen = sample(97, 20, LABELS)
    marked = torch.zeros(97, 4)
    marked[chosen, LABELS[chosen]] = 2.0
    marked[:, 3] = 1.0  # without a mark: the last class
    model = nn.Linear(4, 3, bias=False)
    model.weight.data = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]])
    broken = task(validation=Examples(marked, LABELS))
    found = evaluations(broken, sample=20)
    found.at(30, model)
    assert not caplog.records
    final = found.at(90, model)
    assert final["validation_error"] > 0.5
    assert "the sample of 20 examples has an error of 0" in caplog.text
    caplog.clear()
    evaluations(task(), sample=40).at(90, MODEL)
    assert not caplog.records


def test_what_is_derived_is_reported_too() -> None:
    made = task(derived=lambda means: {"perplexity": math.exp(means["loss"])})
    found = evaluations(made).at(30, MODEL)
    assert found["validation_perplexity"] == pytest.approx(math.exp(found["validation_loss"]))


def lines(directory: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / name).read_text().splitlines()]


def test_counts_of_every_class_and_predictions_lie_beside_the_checkpoints(tmp_path: Path) -> None:
    found = evaluations(task(), tmp_path)
    for step in (30, 90):
        found.at(step, MODEL)
    correct = evaluator(EXAMPLES, 97).measured(MODEL).correct
    counts = lines(tmp_path, "classes.jsonl")
    assert [line["step"] for line in counts] == [30, 90]
    assert counts[0]["classes"]["rarely"] == [correct[2], 7]
    first, second = (line["predictions"] for line in lines(tmp_path, "predictions.jsonl"))
    assert first == second
    assert len(first) == 8
    assert {entry["target"] for entry in first} == {"often", "seldom", "rarely"}
    for entry in first:
        likeliest = MODEL(EXAMPLES.inputs[entry["id"]]).argmax().item()
        assert entry["top"][0][0] == ("often", "seldom", "rarely")[int(likeliest)]
        assert sum(share for _, share in entry["top"]) == pytest.approx(1, abs=0.001)


def test_of_other_outputs_the_leading_numbers_are_kept() -> None:
    outputs = torch.tensor([[1.23456, math.nan]])
    assert described(outputs, torch.zeros(1, 2), ()) == [{"target": [0.0, 0.0], "output": [1.235, None]}]
    language = torch.zeros(1, 5, 4)
    language[0, -1, 2] = 99
    (entry,) = described(language, torch.tensor([[0, 0, 0, 0, 3]]), ())
    assert entry["target"] == 3
    assert entry["top"][0] == [2, 1.0]
    assert described((outputs, outputs), torch.zeros(1, 2), ()) == []


def test_a_journal_forgets_what_is_measured_again_and_what_is_old(tmp_path: Path) -> None:
    """A process that was killed had written lines beyond its checkpoint, the last perhaps cut."""
    first = Journal(open_store(tmp_path), "j")
    for step in (10, 20, 30):
        first.add(step, {"process": 1})
    with (tmp_path / "j").open("a") as file:
        file.write('{"step": 40, "proc')
    second = Journal(open_store(tmp_path), "j")
    second.add(20, {"process": 2})
    assert [(line["step"], line["process"]) for line in lines(tmp_path, "j")] == [(10, 1), (20, 2)]
    for step in range(21, 21 + 3 * MOST):
        second.add(step, {"process": 2})
    kept = lines(tmp_path, "j")
    assert len(kept) <= 2 * MOST
    assert [line["step"] for line in kept[-MOST:]] == list(range(21 + 2 * MOST, 21 + 3 * MOST))
    Journal(None, "j").add(1, {})


def test_in_a_bucket_a_journal_is_written_with_the_checkpoints(tmp_path: Path) -> None:
    class Bucket(type(open_store(tmp_path))):  # type: ignore[misc]  # a directory that is slow to append to
        appends = False

    journal = Journal(Bucket(tmp_path), "j")
    journal.add(10, {})
    assert not (tmp_path / "j").exists()
    journal.flush()
    journal.add(20, {})
    journal.flush()
    assert [line["step"] for line in lines(tmp_path, "j")] == [10, 20]


@pytest.mark.parametrize(
    ("shape", "training", "batch"),
    [
        (Shape((1, 8, 8), 10), 64, 1024),
        (Shape((1, 8, 8), 10), 2000, 2000),
        (Shape((3, 224, 224), 1000), 16, 27),
        (Shape((64,), 10_000, vocabulary=10_000), 32, 32),
    ],
)
def test_an_evaluation_batch_is_large_where_examples_are_small(shape: Shape, training: int, batch: int) -> None:
    assert default_batch(shape, training) == batch


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--evaluation-batch-size=63", "--evaluation-batch-size 63 is less than the batch_size 64"),
        ("--evaluation-sample=0", "--evaluation-sample must be at least 1"),
        ("--training-sample=-1", "--training-sample must be at least 0"),
        ("--loader-workers=-1", "--loader-workers must be at least 0"),
    ],
)
def test_a_wrong_flag_is_refused(operator: Callable[..., Home], flag: str, said: str) -> None:
    home = operator()
    with pytest.raises(SystemExit) as left:
        main(["--task=digits", flag])
    assert left.value.code == 78
    assert said in home.termination()["message"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (task(), 1 - 60 / 97),
        (task(validation=Listed()), 1 - 60 / 97),
        (task(chance=1.0), 1.0),  # of a regression in units of the variance
        (task(classes=()), None),
    ],
)
def test_chance_is_the_most_frequent_class_or_what_the_task_says(made: Task, expected: float | None) -> None:
    assert baseline.chance(made) == (None if expected is None else pytest.approx(expected))


def test_chance_on_a_text_is_its_most_frequent_token(tmp_path: Path) -> None:
    """Counted over the windows that are validated, of which every token weighs the same."""
    (tmp_path / "x.txt").write_text("aaab" * 500)
    made = tasks.load("text", tasks.Request(str(tmp_path / "x.txt"), {"context": 8}))
    assert baseline.chance(made) == pytest.approx(0.25)


def test_a_model_that_always_gives_the_same_answer_is_at_chance() -> None:
    """The bar is the error as it is measured, and the mean of the targets explains no variance."""
    always = nn.Linear(4, 3)
    nn.init.zeros_(always.weight)
    always.bias.data = torch.tensor([1.0, 0.0, 0.0])
    found = evaluations(task()).at(90, always)
    assert found["validation_error"] == pytest.approx(baseline.chance(task()))
    assert "no better than the 0.381 of always giving the same answer" in (baseline.remark(task(), found) or "")
    assert baseline.remark(task(), {"validation_error": 0.38}) is None
    targets = torch.randn(50, 2, generator=GENERATOR)
    mean = targets.mean(0).expand(50, 2)
    assert float(regression.measure_against(targets)(mean, targets)["error"].mean()) == pytest.approx(regression.CHANCE)


@pytest.mark.parametrize(("rate", "poor"), [(0.0, True), (0.01, False)])
def test_a_trial_that_ends_no_better_than_chance_says_so(
    operator: Callable[..., Home], rate: float, poor: bool
) -> None:
    """A study that searches around a broken baseline would otherwise show nothing but numbers."""
    home = operator(targetSteps=60, horizonSteps=60, evaluationSteps=[60], seed=3, parameters={"learning_rate": rate})
    main(["--task=diabetes"])
    assert ("no better than" in home.termination()["message"]) is poor
