"""Whose a checkpoint is."""

from pathlib import Path

import pytest

from stepladder_trainer.identity import differences
from stepladder_trainer.outcomes import ConfigurationError
from trainer.runs import train_to


def test_differences_are_named_to_the_last_value() -> None:
    theirs = {"seed": 7, "parameters": {"width": 8, "layers": 2}, "probe": None}
    ours = {"seed": 7, "parameters": {"width": 64, "layers": 2, "dropout": 0.1}}
    assert list(differences(theirs, ours)) == [
        "parameters.width 8 and not 64",
        "parameters.dropout none and not 0.1",
    ]
    assert not list(differences(ours, ours))


def test_other_defaults_by_flag_are_another_trial(tmp_path: Path) -> None:
    """`--set batch_size=32` in a template that was changed between two segments. Catches training that goes on as
    something else in silence."""
    train_to(4, tmp_path, parameters={}, defaults={"batch_size": 64})
    with pytest.raises(ConfigurationError, match=r"hyperparameters.data.batch_size 64 and not 32: remove it"):
        train_to(8, tmp_path, parameters={}, defaults={"batch_size": 32})
