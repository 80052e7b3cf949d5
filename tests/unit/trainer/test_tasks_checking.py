"""Tasks and models of people's own that are none: a sentence instead of what PyTorch says in the middle of training."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stepladder_trainer import contract, registry
from stepladder_trainer.cli import main
from stepladder_trainer.data import Examples
from stepladder_trainer.models import Shape
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks import Request, Task, classification

INPUTS = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
SOME = Examples(INPUTS, (INPUTS[:, 0] > 0).long())
NONE = Examples(INPUTS[:0], SOME.targets[:0])
GOOD = Task(SOME, SOME, Shape((4,), 2), classification.loss, classification.measure, classes=("left", "right"))


class Bare(nn.Module):
    """A model of one weight, without parts."""

    def __init__(self) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.zeros(4, 2))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs @ self.direction


def only(name: str) -> Callable[[Tensor, Tensor], Mapping[str, Tensor]]:
    return lambda outputs, targets: {name: classification.measure(outputs, targets)[name]}


def averaged(outputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
    return {name: value.mean() for name, value in classification.measure(outputs, targets).items()}


def run(
    monkeypatch: pytest.MonkeyPatch, task: Any, *flags: str, model: Callable[..., nn.Module] = lambda _: Bare()
) -> int:
    """By hand, on one step; the exit code."""
    module = ModuleType("theirs")
    monkeypatch.setattr(module, "task", task if callable(task) else lambda _: task, raising=False)
    monkeypatch.setattr(module, "model", model, raising=False)
    monkeypatch.setitem(sys.modules, "theirs", module)
    monkeypatch.delenv(contract.TRIAL, raising=False)
    try:
        main(["--task=theirs:task", "--model=theirs:model", "--steps=1", *flags])
    except SystemExit as left:
        return int(left.code or 0)
    return 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": NONE}, "task theirs:task has no training examples: give it some"),
        ({"validation": NONE}, "task theirs:task has no validation examples: give it some"),
        ({"test": NONE}, "has no test examples: give it some, or leave test out"),
        ({"shape": Shape((5,), 2)}, "first training example has shape (4,), and Task.shape says (5,)"),
        ({"classes": ("one",)}, "training targets go from 0 to 1, and its 1 classes from 0 to 0"),
        ({"loss": lambda outputs, targets, _: classification.loss(outputs.detach(), targets, 0)}, "does not depend on"),
        ({"loss": lambda outputs, targets, _: outputs[:, 0] ** 2}, "one number, the mean over the batch"),
        ({"loss": lambda outputs, targets, _: 0.5}, "loss must be a tensor, not a float"),
        ({"measure": only("loss")}, "must return error and loss by name, not only loss"),
        ({"measure": only("error")}, "must return error and loss by name, not only error"),
        ({"measure": averaged}, "a value of error for each of 80 examples, not of shape ()"),
    ],
)
def test_what_is_wrong_with_a_task_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], said: str
) -> None:
    """Each was an error of PyTorch's or a KeyError, with the exit code that has the operator try again."""
    assert run(monkeypatch, replace(GOOD, **changes)) == 78
    assert said in caplog.text


@pytest.mark.parametrize(
    ("model", "flags", "said"),
    [
        (lambda _: nn.Flatten(), [], "model theirs:model has no weights to train"),
        (lambda _: nn.Linear(4, 1), [], "outputs have shape (64, 1), and the task has 2 classes"),
        (lambda _: "net", [], "model theirs:model must return a torch.nn.Module, not a str"),
        (lambda: Bare(), [], "theirs:model must be called with one argument, the request"),
        (
            lambda _: Bare(),
            ["--set=freeze=head"],
            "freeze names 'head', which this model does not have: its parts are dir",
        ),
    ],
)
def test_what_is_wrong_with_a_model_is_said(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    model: Callable[..., nn.Module],
    flags: list[str],
    said: str,
) -> None:
    assert run(monkeypatch, GOOD, *flags, model=model) == 78
    assert said in caplog.text


def test_a_task_and_a_model_that_are_right_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the refusals above would tell nothing."""
    assert run(monkeypatch, GOOD) == 0


@pytest.mark.parametrize("read", [dict, lambda options: options.get("bits"), lambda options: options["bits"]])
def test_an_option_that_is_read_is_fine_and_a_mistyped_one_is_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, read: Callable[[Mapping[str, Any]], object]
) -> None:
    """A task of one's own took any option, mistyped ones included, without a word."""

    def task(request: Request) -> Task:
        read(request.options)
        return GOOD

    assert run(monkeypatch, task, "--option=bits=3") == 0
    if read is not dict:
        assert run(monkeypatch, task, "--option=bits=3", "--option=bist=4") == 78
        assert "--option bist: task theirs:task does not read it" in caplog.text


def test_a_module_that_fails_as_it_is_imported_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It was a traceback, and tried again."""
    (tmp_path / "failing.py").write_text("import math\nrows = int('no number')\n")
    (tmp_path / "mistyped.py").write_text("def task(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, said in (("failing", "line 2"), ("mistyped", "SyntaxError")):
        with pytest.raises(ConfigurationError, match=f"{name}:task cannot be imported, as its module.*{said}"):
            registry.function(f"{name}:task")
    with pytest.raises(ConfigurationError, match="names no module"):
        registry.function(":task")
