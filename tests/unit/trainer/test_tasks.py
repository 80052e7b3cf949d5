"""Tasks made from files: what is in them, what of it is wrong, and that they can be learned."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stepladder_trainer import catalog, tasks
from stepladder_trainer.contract import Scalar
from stepladder_trainer.data import Examples
from stepladder_trainer.data.sampling import sample
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks import Request, Task
from stepladder_trainer.tasks.splitting import parts
from stepladder_trainer.tasks.text import characters, measure, windows, words


def load(name: str, data: Path | None = None, **options: Scalar) -> Task:
    return tasks.load(name, Request(None if data is None else str(data), options))


def examples(dataset: object) -> Examples:
    assert isinstance(dataset, Examples)
    return dataset


def distinct(values: torch.Tensor) -> list[float]:
    return sorted(set(values.flatten().tolist()))


@pytest.mark.parametrize(
    ("name", "training", "validation", "outputs"),
    [("wine", 143, 35, 3), ("iris", 120, 30, 3), ("linnerud", 16, 4, 3), ("linear_regression", 1000, 1000, 1),
     ("spiral", 1000, 1000, 2), ("quartic", 1024, 1, 8)],
)  # fmt: skip
def test_what_a_task_without_files_consists_of(name: str, training: int, validation: int, outputs: int) -> None:
    task = load(name)
    assert (len(task.training), len(task.validation), task.shape.outputs) == (training, validation, outputs)
    assert tuple(task.training[0][0].shape) == task.shape.example
    if task.classes:
        assert distinct(examples(task.training).targets) == list(range(outputs))


def test_settings_that_a_task_does_not_have_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match="--option nois: this task has no such setting, it knows examples, noise"
    ):
        load("spiral", nois=1)
    with pytest.raises(ConfigurationError, match="it has none"):
        load("digits", size=1)
    with pytest.raises(ConfigurationError, match=r"--option examples=1.5: must be a whole number"):
        load("spiral", examples=1.5)
    assert len(load("spiral", noise=0, examples=10).training) == 10


@pytest.mark.long
def test_the_quartic_is_unstable_above_a_fifth_and_a_warmup_or_clipping_repairs_it() -> None:
    """The answer that the probe of instability must find. x <- x (1 - 10 rate x^2), from 1."""
    task = load("quartic")

    def final(rate: float, *, warmup: int = 0, clip: float = math.inf) -> float:
        position = torch.ones(8, requires_grad=True)
        for step in range(1, 301):
            batch = examples(task.training).at(slice(0, 4))
            (gradient,) = torch.autograd.grad(task.loss(position.expand(4, 8), batch.targets, 0.0), position)
            gradient = gradient * min(1.0, clip / gradient.norm().item())
            position = (position - rate * min(1.0, step / max(1, warmup)) * gradient).detach().requires_grad_()
        return task.loss(position.detach()[None], torch.zeros(1, 8), 0.0).item()

    assert final(0.19) < 1e-3
    assert not math.isfinite(final(0.21))
    assert not math.isfinite(final(0.38))
    assert final(0.38, warmup=20) < final(0.19)
    assert final(0.38, clip=1.0) < final(0.19)


# Parts of a set


def test_a_sample_has_the_shares_of_the_full_set_to_within_one() -> None:
    classes = torch.tensor([0] * 50 + [1] * 30 + [2] * 15 + [3] * 5)
    for size in (7, 20, 33, 100):
        chosen = sample(100, size, classes)
        assert len(chosen) == size == len(set(chosen.tolist()))
        counts = classes[chosen].bincount(minlength=4)
        assert all(
            abs(int(count) - size * share) < 1 for count, share in zip(counts, (0.5, 0.3, 0.15, 0.05), strict=True)
        )
    assert sample(100, 20, classes).tolist() == sample(100, 20, classes).tolist()
    assert len(sample(10, 99)) == 10


def test_a_split_leaves_every_class_something_to_learn_from() -> None:
    classes = torch.tensor([0] * 20 + [1] * 3 + list(range(2, 12)))
    training, validation, test = parts(classes, len(classes), 0.3, 0.3)
    assert sorted([*training.tolist(), *validation.tolist(), *test.tolist()]) == list(range(len(classes)))
    assert set(classes[training].tolist()) == set(range(12))
    assert len(validation) == pytest.approx(len(test), abs=2)


# Tables


def written(folder: Path, text: str, name: str = "t.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def rows(count: int, row: Callable[[int], str], header: str) -> str:
    return "\n".join([header, *(row(number) for number in range(count))]) + "\n"


def test_a_table_of_labels_is_a_classification(tmp_path: Path) -> None:
    text = rows(
        50, lambda i: f"{i},{'NA' if i % 10 == 3 else 2 * i},{'ab'[i % 2]},{('yes', 'no')[i % 5 == 0]}", "a,b,c,y"
    )
    task = load("table", written(tmp_path, text), target="y", test=0.2)
    training, validation, test = (examples(part) for part in (task.training, task.validation, task.test))
    assert (len(training), len(validation), len(test)) == (30, 10, 10)
    assert task.classes == ("no", "yes")
    assert [int((part.targets == 0).sum()) for part in (training, validation, test)] == [6, 2, 2], "not stratified"
    assert task.shape.example == (5,)  # a, b and whether it is missing, c is a, c is b
    assert training.inputs[:, 0].mean().item() == pytest.approx(0, abs=1e-6)
    assert training.inputs[:, 0].std(correction=0).item() == pytest.approx(1, rel=1e-5)
    missing = training.inputs[:, 2] == 1
    assert (training.inputs[missing, 1] == 0).all()
    assert distinct(training.inputs[:, 3:].sum(1)) == [1]


def test_a_table_of_numbers_is_a_regression_in_units_of_training(tmp_path: Path) -> None:
    path = written(tmp_path, rows(40, lambda i: f"{i};{i * 0.5}", "a;y"))
    task = load("table", path, target="y", separator=";")
    training, validation = examples(task.training), examples(task.validation)
    assert task.classes == ()
    assert training.targets.std(correction=0).item() == pytest.approx(1, rel=1e-5)
    mean = validation.targets.mean(0).expand(len(validation), 1)
    assert task.measure(mean, validation.targets)["error"].mean().item() == pytest.approx(1)


def test_few_whole_numbers_are_classes_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    path = written(tmp_path, rows(40, lambda i: f"{i},{i % 11}", "a,y"))
    assert load("table", path, target="y").classes == tuple(str(label) for label in range(11))
    assert load("table", path, target="y", kind="regression").classes == ()
    assert load("table", path, target="a").classes == ()


def test_a_folder_of_tables_has_its_own_split(tmp_path: Path) -> None:
    for name, count in (("train.csv", 20), ("val.csv", 6), ("test.csv", 4)):
        written(tmp_path, rows(count, lambda i: f"{i},{'ab'[i % 2]}", "a,y"), name)
    task = load("table", tmp_path, target="y")
    assert task.test is not None
    assert (len(task.training), len(task.validation), len(task.test)) == (20, 6, 4)
    # In units of training, 0 is -9.5 / 5.77: in all three.
    firsts = [examples(part).inputs[0].item() for part in (task.training, task.validation, task.test)]
    assert firsts == pytest.approx([-9.5 / 5.766] * 3, rel=1e-3)


GOOD = "a,y\n1,u\n2,v\n3,u\n4,v\n5,u\n6,v\n7,u\n8,v\n9,u\n10,v\n"


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (GOOD, {}, "--option target=COLUMN"),
        (GOOD, {"target": "z"}, "has no column 'z': it has a, y"),
        (GOOD, {"target": "y", "drop": "b"}, "has no column 'b'"),
        (GOOD, {"target": "y", "drop": "a"}, "without a, y no column is left"),
        (GOOD, {"target": "y", "kind": "regression"}, "holds texts"),
        (GOOD, {"target": "y", "kind": "both"}, "must be one of auto, classification"),
        (GOOD, {"target": "y", "validation": 0.01}, "cannot be split"),
        (GOOD, {"target": "y", "validation": 1.5}, "a part of the examples"),
        (GOOD, {"target": "y", "separator": "ab"}, "one character"),
        ("a,y\n", {"target": "y"}, "holds no rows"),
        ("a,y\n1,p\n", {"target": "y"}, "holds one row: a header and a row for each"),
        ("a,a\n1,2\n3,4\n", {"target": "a"}, "two columns of one name"),
        ("a,y\n1,u\n2\n", {"target": "y"}, "line 3: 1 values under 2 names"),
        ("a,y\n1,u\n2,\n3,v\n", {"target": "y"}, "line 3: y is missing"),
        ("a,y\n1,u\n2,u\n3,u\n", {"target": "y"}, "always 'u'"),
        (rows(1500, lambda i: f"row {i},{i % 2}", "a,y"), {"target": "y"}, "leave it out with --option drop=a"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, text: str, options: dict[str, Scalar], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load("table", written(tmp_path, text), **options)


def test_what_is_wrong_between_tables_is_said(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "train.csv")
    with pytest.raises(ConfigurationError, match=r"val\.csv cannot be read"):
        load("table", tmp_path, target="y")
    written(tmp_path, "a,y\n1,u\n2,w\n", "val.csv")
    with pytest.raises(ConfigurationError, match=r"val\.csv has y 'w', which no training row has"):
        load("table", tmp_path, target="y")
    written(tmp_path, "a,y\n1,u\nx,v\n", "val.csv")
    with pytest.raises(ConfigurationError, match=r"val\.csv, line 3: a is 'x', where training rows have numbers"):
        load("table", tmp_path, target="y")
    written(tmp_path, "b,y\n1,u\n2,v\n", "val.csv")
    with pytest.raises(ConfigurationError, match=r"val\.csv has no column 'a'"):
        load("table", tmp_path, target="y")


# Text


def test_a_text_is_windows_of_tokens_and_the_same_one_later(tmp_path: Path) -> None:
    task = load("text", written(tmp_path, "abcab" * 20), context=7, validation=0.2, test=0.1)
    training = examples(task.training)
    assert task.shape.vocabulary == task.shape.outputs == 3
    assert training.inputs.shape == ((70 - 1) // 7, 7)
    assert torch.equal(training.inputs[:, 1:], training.targets[:, :-1])
    assert torch.equal(training.inputs[1:, 0], training.targets[:-1, -1])
    assert len(task.validation) == (20 - 1) // 7
    assert task.test is not None
    assert len(task.test) == (10 - 1) // 7


def test_tokens_keep_all_characters_and_the_most_frequent_words() -> None:
    indices, names = characters("banana")
    assert names == ["a", "b", "n"]
    assert indices.tolist() == [1, 0, 2, 0, 2, 0]
    indices, names = words("To be, or not to be.", 99)
    assert names == ["be", ",", ".", "To", "not", "or", "to"]
    assert [names[index] for index in indices] == ["To", "be", ",", "or", "not", "to", "be", "."]
    indices, names = words("a a a b b c d", 3)
    assert names == ["a", "b", "<unknown>"]
    assert indices.tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_validation_is_the_tail_which_training_never_sees(tmp_path: Path) -> None:
    task = load("text", written(tmp_path, "a" * 90 + "b" * 10), context=3)
    assert distinct(examples(task.training).targets) == [0]
    assert distinct(examples(task.validation).inputs) == [1]
    assert len(windows(torch.zeros(3, dtype=torch.long), 3)) == 0


def test_loss_is_in_nats_per_token_and_perplexity_its_exponential() -> None:
    """A model that finds all 5 tokens equally likely is as unsure as among 5."""
    outputs, targets = torch.zeros(4, 6, 5), torch.zeros(4, 6).long()
    task = catalog.TASKS["text"]
    assert "validation_perplexity" in task.metrics
    means = {name: values.mean().item() for name, values in measure(outputs, targets).items()}
    assert means["loss"] == pytest.approx(math.log(5))
    assert tasks.text.perplexity(means)["perplexity"] == pytest.approx(5)
    outputs[:, :3, 1] = 1  # three of six positions are wrong now
    assert measure(outputs, targets)["error"].tolist() == [0.5] * 4
    assert measure(outputs * math.nan, targets)["error"].isnan().all()


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"abc" * 9, {}, "has 27 tokens: too few for windows of 64"),
        (b"\xff\xfe\xfa", {}, "is no UTF-8 text"),
        (b"abc" * 99, {"tokens": "letters"}, "must be one of characters, words"),
        (b"abc" * 99, {"context": 0}, "at least 1"),
        (None, {}, "cannot be read: No such file"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(
    tmp_path: Path, content: bytes | None, options: dict[str, Scalar], said: str
) -> None:
    if content is not None:
        (tmp_path / "book.txt").write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        load("text", tmp_path / "book.txt", **options)


@pytest.mark.parametrize("name", ["table", "text", "image_folder", "torchvision"])
def test_a_task_of_files_asks_for_them(name: str) -> None:
    with pytest.raises(ConfigurationError, match="this task needs --data"):
        load(name)
