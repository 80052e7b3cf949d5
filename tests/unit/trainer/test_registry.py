"""Tasks and models of other people: by entry point or module:function, and what is said if there is none."""

import importlib.metadata
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from stepladder_trainer import registry, tasks
from stepladder_trainer.cli import main
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks import Request
from trainer.conftest import Home

EXAMPLE = Path(__file__).parents[3] / "examples" / "bring_your_own"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.delitem(sys.modules, "my_task", raising=False)


@pytest.mark.usefixtures("example")
@pytest.mark.long
def test_the_example_is_trained_like_any_task(operator: Callable[..., Home]) -> None:
    """It documents how a task is written, its own hyperparameter included."""
    home = operator(targetSteps=300, horizonSteps=300, parameters={"label_noise": 0.01, "learning_rate": 0.01})
    main(["--task=my_task:parity", "--option", "bits=4"])
    message = home.termination()
    assert message["reason"] == "Completed", message
    assert message["value"] < 0.05
    operator(parameters={"label_nose": 0.01})
    with pytest.raises(SystemExit):
        main(["--task=my_task:parity"])
    assert "unknown parameter label_nose" in home.termination()["message"]


@pytest.mark.usefixtures("example")
def test_a_package_may_add_a_task_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    added = [EntryPoint("parity", "my_task:parity", "stepladder.tasks")]
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: [point for point in added if point.group == group]
    )
    assert tasks.load("parity", Request(options={"bits": 3})).shape.example == (3,)
    assert registry.own_hyperparameters(registry.task_entry("parity").source) == {"label_noise"}
    with pytest.raises(ConfigurationError, match=r"no task 'partiy': name one of digits, .*parity, or module:function"):
        tasks.load("partiy")
    with pytest.raises(ConfigurationError, match="there is no model 'parity'"):
        registry.model_entry("parity")


def test_what_cannot_be_imported_is_said_to_be_missing() -> None:
    with pytest.raises(ConfigurationError, match=r"my_tusk:parity cannot be imported.*PYTHONPATH"):
        tasks.load("my_tusk:parity")
    with pytest.raises(ConfigurationError, match="math:cosine is not there"):
        tasks.load("math:cosine")
    with pytest.raises(ConfigurationError, match="math:pi is no function"):
        tasks.load("math:pi")
    with pytest.raises(ConfigurationError, match="task builtins:repr must return a"):
        tasks.load("builtins:repr")


@pytest.mark.usefixtures("example")
def test_a_task_of_ones_own_is_the_same_for_all_seeds() -> None:
    left, right = (tasks.load("my_task:parity", Request(seed=seed)).training[5] for seed in (1, 2))
    assert torch.equal(left[0], right[0])
