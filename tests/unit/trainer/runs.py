"""Trials that train in this process, and what is left of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.contract import Objective, Scalar, TrialDocument
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

HORIZON = 12


def train_to(
    target: int,
    directory: Path | None = None,
    *,
    task: str = "digits",
    parameters: Mapping[str, Scalar],
    defaults: Mapping[str, Scalar] | None = None,
    seed: int = 7,
    horizon: int = HORIZON,
    every: int = 4,
    fractions: tuple[tuple[int, float], ...] = (),
    **flags: Any,
) -> Trial:
    document = TrialDocument(
        parameters=parameters,
        seed=seed,
        target_steps=target,
        horizon_steps=horizon,
        evaluation_steps=frozenset({2}),
        data_fractions=fractions,
        objective=Objective("validation_error"),
        checkpoint_directory=directory,
    )
    if directory:
        Checkpoints(directory).prepare()
    trial = Trial(document, Board(), StopRequest())
    train(trial, Plan(task, read(parameters, defaults or {}), every, **flags))
    return trial


def state(directory: Path) -> dict[str, Any]:
    """What the trial is at its newest checkpoint, without the global random states, which our trainer never uses."""
    found = Checkpoints(directory).newest()
    assert found is not None
    return {"step": found[0], "parts": found[1]["parts"], "evaluations": found[1]["evaluations"]}


def assert_same(left: object, right: object) -> None:
    """Bit for bit, through any nesting."""
    assert type(left) is type(right)
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        assert torch.equal(left, right)
    elif isinstance(left, dict) and isinstance(right, dict):
        assert list(left) == list(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        assert len(left) == len(right)
        for pair in zip(left, right, strict=True):
            assert_same(*pair)
    else:
        assert left == right
