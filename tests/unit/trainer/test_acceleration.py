"""Compiled models: whole graphs, and resumed like any other."""

from functools import partial
from pathlib import Path

import pytest
import torch

from stepladder_trainer import tasks
from stepladder_trainer.acceleration import Acceleration
from stepladder_trainer.contract import Scalar
from stepladder_trainer.data import Examples
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.learner import Learner
from stepladder_trainer.seeds import Seeds
from trainer.runs import assert_same, state, train_to

pytestmark = [pytest.mark.usefixtures("read_data_once"), pytest.mark.long]  # it imports PyTorch's compiler

COMPILED = Acceleration("float32", "default")


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("digits", "mlp"),
        ("digits", "cnn"),
        ("digits", "resnet"),
        ("digits", "transformer"),
        ("digits_autoencoding", "vae"),
    ],
)
def test_a_compiled_model_is_one_graph_and_draws_by_its_step(
    task: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph can hold no generator: drawing from our own cuts it in two at every dropout."""
    whole = partial(torch.compile, backend="eager", fullgraph=True)
    monkeypatch.setattr(torch, "compile", lambda model, mode: whole(model))
    loaded = tasks.load(task)
    assert isinstance(loaded.training, Examples)
    point = read({"model": model, "width": 8, "layers": 1, "dropout": 0.3}, {})
    learner = Learner(loaded, point, Seeds(1), torch.device("cpu"), acceleration=COMPILED)
    batch = loaded.training.at(slice(0, 8))
    before, gradients = torch.get_rng_state(), []
    for step in (2, 3, 2):
        learner.gradient(batch, step)
        gradients.append([weight.grad.clone() for weight in learner.model.parameters() if weight.grad is not None])
    assert_same(gradients[0], gradients[2])
    assert not torch.equal(
        torch.cat([g.flatten() for g in gradients[0]]), torch.cat([g.flatten() for g in gradients[1]])
    )
    assert torch.equal(torch.get_rng_state(), before), "what a script draws itself must not repeat at every step"


def test_compiled_training_cut_and_resumed_equals_training_in_one_go(tmp_path: Path) -> None:
    parameters: dict[str, Scalar] = {"width": 4, "dropout": 0.3, "batch_size": 200}
    train_to(6, tmp_path / "whole", parameters=parameters, horizon=6, acceleration=COMPILED)
    for target in (4, 6):
        train_to(target, tmp_path / "cut", parameters=parameters, horizon=6, acceleration=COMPILED)
    assert_same(state(tmp_path / "cut"), state(tmp_path / "whole"))
