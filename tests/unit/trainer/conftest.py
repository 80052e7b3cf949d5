import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch

from stepladder_trainer import tasks

cached_load = lru_cache(tasks.load)


@dataclass(frozen=True)
class Home:
    """A trial's environment as the operator would set it, in a directory of the test."""

    directory: Path

    @property
    def checkpoints(self) -> Path:
        return self.directory / "checkpoints"

    def environment(self, **document: Any) -> dict[str, str]:
        filled = {
            "namespace": "vision",
            "study": "digits",
            "trial": "digits-0",
            "attempt": 1,
            "parameters": {},
            "seed": 7,
            "targetSteps": 30,
            "horizonSteps": 810,
            "evaluationSteps": [30, 90],
            "objective": {"metric": "validation_error", "direction": "Minimize"},
            "checkpointDirectory": str(self.checkpoints),
            **document,
        }
        return {
            "STEPLADDER_TRIAL": json.dumps(filled),
            "STEPLADDER_METRICS_PORT": "0",
            "STEPLADDER_TERMINATION_LOG": str(self.directory / "termination"),
        }

    def termination(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads((self.directory / "termination").read_text())
        return message


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def operator(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Home]:
    """Call it to let this process be a trial: `operator(targetSteps=90)`."""

    def start(**document: Any) -> Home:
        for name, value in home.environment(**document).items():
            monkeypatch.setenv(name, value)
        return home

    return start


@pytest.fixture
def read_data_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task's data is the same in all trials of a test module, whatever their parameters."""
    monkeypatch.setattr(tasks, "load", lambda name, request=None: cached_load(name))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
