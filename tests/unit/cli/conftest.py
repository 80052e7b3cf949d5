"""A small study on a trainer without PyTorch, and the program, called in this process or started as a user does."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from stepladder.cli import main

StudyMaker = Callable[..., Path]
Invoke = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def study(tmp_path: Path) -> StudyMaker:
    """Writes `study.yaml`: successive halving over 3 trials, 30 + 60 steps, 150 in all. `spec` overrides it."""

    def make(*args: str, **spec: Any) -> Path:
        trainer = Path(__file__).with_name("trainer.py")
        container = {"name": "trainer", "image": "any", "command": ["python", str(trainer)], "args": list(args)}
        pruner = {"algorithm": "SuccessiveHalving", "minSteps": 30, "reductionFactor": 3}
        manifest = {
            "apiVersion": "tuning.stepladder.dev/v1alpha1",
            "kind": "TuningStudy",
            "metadata": {"name": "small"},
            "spec": {
                "objective": {"metric": "validation_error"},
                "parameters": [{"name": "x", "float": {"min": 0, "max": 1}}],
                "rounds": [{"name": "explore", "trials": 3, "maxSteps": 90, "pruner": pruner}],
                "parallelism": 2,
                "trainer": {
                    "template": {"spec": {"containers": [container]}},
                    "checkpoints": {"persistentVolumeClaim": {"claimName": "checkpoints"}},
                },
                **spec,
            },
        }
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(manifest))
        return path

    return make


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Calls `stepladder ...` in this process, in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts `stepladder ...` as a process, in a directory of its own."""

    def begin(*arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", "from stepladder.cli import main; main()", *map(str, arguments)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin
