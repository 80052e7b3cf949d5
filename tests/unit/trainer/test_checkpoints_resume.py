"""What is written while training goes on is the state at its step, bit for bit."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from stepladder_trainer.checkpoints import archive
from trainer.runs import assert_same, train_to

pytestmark = pytest.mark.usefixtures("read_data_once")

PARAMETERS: dict[str, Any] = {
    "optimizer": "nadam",
    "learning_rate": 0.01,
    "width": 4,
    "dropout": 0.3,
    "schedule": "cosine",
    "batch_size": 200,
}


def checkpoint(directory: Path, step: int) -> dict[str, Any]:
    content = torch.load(directory / f"step-{step:08d}.pt", weights_only=True)
    return {name: content[name] for name in ("parts", "evaluations", "identity")}


@pytest.mark.parametrize("step", [2, 4])
def test_a_checkpoint_written_late_is_that_of_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Writing begins four steps after the first snapshot, and with a second one waiting."""
    (tmp_path / "alone").mkdir()
    train_to(step, tmp_path / "alone", parameters=PARAMETERS)
    trained, dump, gate = [], archive.dump, threading.Event()

    def late(content: dict[str, Any], file: Any) -> None:
        assert gate.wait(60)
        dump(content, file)

    def watch(trial: Any, at: int, **numbers: float) -> None:
        trained.append(at)
        if at >= 6:
            gate.set()

    monkeypatch.setattr(archive, "dump", late)
    monkeypatch.setattr("stepladder_trainer.trial.Trial.log", watch)
    (tmp_path / "late").mkdir()
    train_to(8, tmp_path / "late", parameters=PARAMETERS)
    assert_same(checkpoint(tmp_path / "late", step), checkpoint(tmp_path / "alone", step))
