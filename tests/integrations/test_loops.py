"""The callbacks in their libraries' own loops: the examples, as they are."""

import io
import os
import runpy
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.trial import Trial
from trainer.conftest import Home

EXAMPLES = Path(__file__).parents[2] / "examples"
LIBRARIES = {"lightning": "validation_error", "huggingface": "eval_error"}
pytestmark = pytest.mark.filterwarnings("default")  # of the libraries


def document(library: str, **more: Any) -> dict[str, Any]:
    objective = {"metric": LIBRARIES[library], "direction": "Minimize"}
    return {"targetSteps": 60, "horizonSteps": 60, "evaluationSteps": [20, 40], "objective": objective, **more}


def run(library: str) -> int:
    """The example, in this process; its exit code."""
    try:
        runpy.run_path(str(EXAMPLES / library / "train.py"))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def outcome(home: Home, library: str) -> tuple[dict[str, torch.Tensor], dict[int, float]]:
    """The weights at the end, and every evaluation."""
    found = Checkpoints(home.checkpoints).newest()
    assert found is not None
    (part,) = found[1]["parts"].values()
    if library == "lightning":
        content = io.BytesIO(part["lightning.ckpt"].numpy().tobytes())
        weights = torch.load(content, weights_only=False)["state_dict"]
    else:
        from safetensors.torch import load

        weights = load(part["model.safetensors"].numpy().tobytes())
    return weights, {step: metrics[LIBRARIES[library]] for step, metrics in found[1]["evaluations"]}


def terminate_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send this process SIGTERM while it trains that step."""
    log = Trial.log

    def log_and_signal(trial: Trial, at: int, **numbers: float) -> None:
        log(trial, at, **numbers)
        if at == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trial, "log", log_and_signal)


@pytest.mark.parametrize("library", LIBRARIES)
def test_training_that_climbs_in_segments_and_is_terminated_equals_training_in_one_go(
    library: str, operator: Callable[..., Home], home: Home, tmp_path: Path
) -> None:
    """A rung at 20, a SIGTERM at 30, and on to 60. Catches data that is seen twice, dropout that is drawn anew, and
    schedules that decay to a segment's end."""
    quiet = Home(tmp_path / "quiet")
    operator(**document(library, checkpointDirectory=str(quiet.checkpoints)))
    assert run(library) == 0
    weights, evaluations = outcome(quiet, library)

    operator(**document(library, targetSteps=20))
    assert run(library) == 0
    assert home.termination()["value"] == evaluations[20]
    operator(**document(library))
    with pytest.MonkeyPatch.context() as monkeypatch:
        terminate_at(30, monkeypatch)
        assert run(library) == 75
    stopped = home.termination()["step"]
    assert stopped in (30, 31)  # transformers logs a step when it is over
    assert home.termination()["reason"] == "Interrupted"
    assert home.termination()["checkpoint"].endswith(f"step-000000{stopped}.pt")
    assert run(library) == 0
    assert home.termination()["fromStep"] == stopped
    resumed, measured = outcome(home, library)
    assert measured == evaluations
    assert resumed.keys() == weights.keys()
    assert all(torch.equal(resumed[name], weights[name]) for name in weights)


@pytest.mark.parametrize("library", LIBRARIES)
def test_alone_it_only_trains(library: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STEPLADDER_TRIAL", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(library) == 0
    assert list(tmp_path.iterdir()) == []
