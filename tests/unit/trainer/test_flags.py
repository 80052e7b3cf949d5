"""Flags that would be without effect, or make no sense: refused by name, before anything is loaded."""

from collections.abc import Callable

import pytest

from stepladder_trainer import contract
from stepladder_trainer.cli import main
from trainer.conftest import Home


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--checkpoint-seconds=nan"], "--checkpoint-seconds must be at least 0, not nan"),
        (["--checkpoint-seconds=-1"], "--checkpoint-seconds must be at least 0, not -1"),
        (["--gpu-memory-fraction=nan"], "--gpu-memory-fraction must be above 0"),
        (["--loader-workers=-1"], "--loader-workers must be at least 0"),
        (["--threads=0"], "--threads must be at least 1"),
        (["--threads=100000"], "--threads must be at most 1024"),
        (["--data=/data/x.csv"], "task quadratic reads no file of yours: leave it out"),
        (["--sharding=full"], "several processes, and this trial has one: leave it out, or"),
        (
            ["--steps=20", "--probe=Warmup", "--probe-option=warmupSteps=[10, 500]"],
            "warmupSteps 500 is beyond the 20 steps of training: lower it",
        ),
        (["--option=curvature=3"], "--option curvature: task quadratic does not read it"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, flags: list[str], said: str
) -> None:
    """Each was accepted, and done without or worse: a checkpoint at every step, a probe of 25 times the training."""
    monkeypatch.delenv(contract.TRIAL, raising=False)
    with pytest.raises(SystemExit) as left:
        main(["--task=quadratic", *flags])
    assert left.value.code == 78
    assert said in caplog.text


@pytest.mark.parametrize("task", ["--task=linnerud", "--task=breast_cancer"])
def test_a_batch_that_nobody_asked_for_gives_way_to_a_small_set(operator: Callable[..., Home], task: str) -> None:
    """Of linnerud's 16 examples the default of 64 makes no batch; 456 are enough for it."""
    home = operator(targetSteps=2, horizonSteps=2)
    main([task])
    remarked = "batch_size was 16, as there are no more training examples" in home.termination()["message"]
    assert remarked == (task == "--task=linnerud")


@pytest.mark.parametrize("asked", ["parameter", "flag"])
def test_a_batch_that_was_asked_for_is_refused_where_it_does_not_fit(operator: Callable[..., Home], asked: str) -> None:
    """A study over batch sizes would otherwise compare equals under several names."""
    home = operator(parameters={"batch_size": 64} if asked == "parameter" else {})
    with pytest.raises(SystemExit) as left:
        main(["--task=linnerud", *(["--set=batch_size=64"] if asked == "flag" else [])])
    assert left.value.code == 78
    assert "set it to 16 or less" in home.termination()["message"]


def test_a_probe_of_a_small_set_takes_all_of_it_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(contract.TRIAL, raising=False)
    main(["--task=linnerud", "--steps=20", "--probe=LearningRateRange"])
    assert "batch_size was 16" in caplog.text
