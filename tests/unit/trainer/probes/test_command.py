"""A probe as the operator asks for it, and by hand."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepladder_trainer import contract, sdk
from stepladder_trainer.cli import main
from stepladder_trainer.contract import TrialDocument
from stepladder_trainer.probes.measuring.bench import Bench
from trainer.conftest import Home

BOWL = ["--task=quadratic", "--set=learning_rate=0.05", "--set=batch_size=1024", "--set=optimizer=sgd"]
RANGE = {"type": "LearningRateRange", "minLearningRate": 1e-4, "maxLearningRate": 10.0, "ramp": "Exponential"}
INSTABILITY = {"type": "Instability", "factors": [1, 10]}

Operator = Callable[..., Home]


def ended(arguments: list[str]) -> int:
    try:
        main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_probe_ends_well_with_its_verdict_and_without_an_objective(operator: Operator) -> None:
    home = operator(probe=RANGE, targetSteps=300, horizonSteps=300)
    assert ended(BOWL) == 0
    message = home.termination()
    assert message["reason"] == "Completed"
    assert message["evaluations"] == []
    assert message["value"] is None
    verdict = message["verdict"]
    assert verdict["type"] == "LearningRateRange"
    assert message["message"] == verdict["summary"]
    assert 0.02 < verdict["suggestions"]["minimum/10"] < 0.2
    assert Path(verdict["picture"]).parent == Path(verdict["data"]).parent == home.checkpoints
    assert Path(verdict["picture"]).read_text().startswith("<svg")
    points = json.loads(Path(verdict["data"]).read_text())["points"][0]
    assert message["trainedSteps"] == len(points["losses"]) <= 300


def test_a_probe_that_is_done_says_the_same_again(operator: Operator) -> None:
    """The pod's last words can be lost; nothing is measured twice for that."""
    home = operator(probe=INSTABILITY, targetSteps=8, horizonSteps=8)
    assert ended(BOWL) == 0
    first = home.termination()
    assert ended(BOWL) == 0
    again = home.termination()
    assert (first["trainedSteps"], again["trainedSteps"]) == (16, 0)
    assert again["verdict"] == first["verdict"]


def test_a_signal_gives_up_a_part_and_the_next_attempt_goes_on_with_it(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, real, updates = operator(probe=INSTABILITY, targetSteps=8, horizonSteps=8), Bench.updated, []

    def updated(self: Bench) -> None:
        updates.append(1)
        if len(updates) == 12:  # the fourth of the second run
            os.kill(os.getpid(), signal.SIGTERM)
        real(self)

    monkeypatch.setattr(Bench, "updated", updated)
    assert ended(BOWL) == 75
    message = home.termination()
    assert (message["reason"], message["step"], "verdict" in message) == ("Interrupted", 8, False)
    assert ended(BOWL) == 0
    assert (home.termination()["fromStep"], home.termination()["trainedSteps"]) == (8, 8)
    assert len(updates) == 12 + 8


def test_a_probe_longer_than_its_target_is_no_error(operator: Operator) -> None:
    """Runs have the target's steps each."""
    home = operator(probe=INSTABILITY, targetSteps=8, horizonSteps=8)
    ended(BOWL)
    assert (home.termination()["step"], home.termination()["reason"]) == (16, "Completed")


def test_a_training_does_not_go_on_from_a_probes_checkpoint(operator: Operator) -> None:
    operator(probe=INSTABILITY, targetSteps=8, horizonSteps=8)
    ended(BOWL)
    home = operator(targetSteps=8, horizonSteps=8)
    assert ended(BOWL) == 78
    assert "belongs to another trial" in home.termination()["message"]


@pytest.mark.parametrize(
    ("probe", "sentence"),
    [
        ({"type": "Magic"}, "there is no probe 'Magic'"),
        ({"type": "Throughput", "batch": 8}, "has no option batch"),
        ("LearningRateRange", "probe must be of type dict"),
    ],
)
def test_a_probe_that_is_not_known_is_a_configuration_error(operator: Operator, probe: Any, sentence: str) -> None:
    home = operator(probe=probe)
    assert ended(BOWL) == 78
    assert sentence in home.termination()["message"]


def test_training_code_that_knows_no_probes_does_not_pass_for_one(operator: Operator) -> None:
    """It would train, at the price of a training, and leave no verdict."""
    home = operator(probe=RANGE, targetSteps=3, horizonSteps=3)

    def train() -> None:
        with sdk.trial() as trial:
            for step in trial.steps():
                trial.report(step, validation_error=0.5)

    with pytest.raises(SystemExit) as end:
        train()
    assert end.value.code == 78
    assert "left no verdict" in home.termination()["message"]


def test_by_hand_flags_ask_and_a_directory_gets_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(contract.TRIAL, raising=False)
    caplog.set_level("INFO")
    arguments = ["--probe=LearningRateRange", "--probe-option=ramp=Linear", "--probe-option=maxLearningRate=0.1"]
    place = tmp_path / "new" / "place"
    assert ended([*BOWL, "--steps=50", *arguments, f"--probe-directory={place}"]) == 0
    assert {path.name for path in place.iterdir()} == {"probe.svg", "probe.json"}
    assert json.loads((place / "probe.json").read_text())["points"][0]["learning_rates"][-1] == 0.1
    assert "suggests" in caplog.text


@pytest.mark.parametrize("flag", ["--probe-option=ramp=Linear", "--probe-directory=/nowhere"])
def test_what_is_said_of_no_probe_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, flag: str
) -> None:
    """Who forgets --probe would be given a training."""
    monkeypatch.delenv(contract.TRIAL, raising=False)
    assert ended([*BOWL, "--steps=1", flag]) == 78
    assert "are of a --probe" in caplog.text


def test_with_an_operator_flags_do_not_ask_for_a_probe(operator: Operator) -> None:
    """Its trial would be taken for a training, and its steps for results."""
    home = operator()
    assert ended([*BOWL, "--probe=Throughput"]) == 78
    assert "--probe is for use by hand" in home.termination()["message"]


def test_a_warmup_longer_than_a_short_probe_is_no_error(operator: Operator) -> None:
    """The configuration's schedule is not used by probes, and their targets are short."""
    operator(probe=RANGE, targetSteps=50, horizonSteps=50)
    assert ended([*BOWL, "--set=warmup_steps=100"]) == 0


def test_a_probe_is_part_of_what_a_trial_is() -> None:
    asked, other = TrialDocument(probe=RANGE), TrialDocument(probe={**RANGE, "ramp": "Linear"})
    assert asked.identity != other.identity != TrialDocument().identity
    assert json.loads(json.dumps(asked.identity)) == asked.identity
