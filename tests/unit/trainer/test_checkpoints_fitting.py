"""A checkpoint that does not fit the code that resumes from it: one sentence that names the first difference."""

from typing import Any

import pytest
import torch
from torch import nn

from stepladder_trainer import optimizers, randomness
from stepladder_trainer.checkpoints.fitting import check_content, fit
from stepladder_trainer.hyperparameters import OptimizerHyperparameters, RegularisationHyperparameters
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.stability import Averaging

AVERAGED = RegularisationHyperparameters(averaging="ema")


def parts(width: int = 4, *, averaged: bool = False) -> dict[str, Any]:
    model = nn.Sequential(nn.Linear(2, width), nn.Linear(width, 1))
    made = {"model": model, "optimizer": optimizers.build(model.parameters(), OptimizerHyperparameters())}
    return {**made, "averaging": Averaging(model, AVERAGED)} if averaged else made


def content(**states: Any) -> dict[str, Any]:
    return {"identity": {}, "parts": states, "random": randomness.global_states(), "evaluations": []}


def saved(of: dict[str, Any]) -> dict[str, Any]:
    return {name: part.state_dict() for name, part in of.items()}


def renamed() -> dict[str, Any]:
    states = saved(parts())
    states["model"] = {name.replace("0.", "first."): value for name, value in states["model"].items()}
    return states


def shortened() -> dict[str, Any]:
    states = saved(parts())
    states["optimizer"]["param_groups"][0]["params"].pop()
    return states


@pytest.mark.parametrize(
    ("states", "ours", "said"),
    [
        (saved(parts(3)), parts(), "model.0.weight has shape (3, 2) there and (4, 2) here"),
        (renamed(), parts(), "model.first.weight is not in this code"),
        (saved(parts()), parts(averaged=True), "it has no part averaging, only model, optimizer"),
        ({**saved(parts()), "averaging": {}}, parts(averaged=True), "averaging: it lacks 'updates'"),
        (shortened(), parts(), "optimizer.param_groups.0.params has 3 entries there and 4 here"),
        ({**saved(parts()), "optimizer": {"state": {}}}, parts(), "optimizer.param_groups is not in the checkpoint"),
    ],
)
def test_the_first_thing_that_does_not_fit_is_named(states: dict[str, Any], ours: dict[str, Any], said: str) -> None:
    """PyTorch lists all of them, over many lines, and a lacking part was a bare KeyError."""
    with pytest.raises(ConfigurationError) as told:
        fit(ours, content(**states), "/checkpoints/step-00000030.pt")
    sentence = str(told.value)
    assert sentence.startswith(f"/checkpoints/step-00000030.pt does not fit this training code: {said}")
    assert sentence.endswith("or remove the checkpoints to start anew")
    assert "\n" not in sentence


def test_what_fits_is_taken_over() -> None:
    theirs, ours = parts(averaged=True), parts(averaged=True)
    fit(ours, content(**saved(theirs)), "here")
    assert all(
        torch.equal(*pair) for pair in zip(theirs["model"].parameters(), ours["model"].parameters(), strict=True)
    )


@pytest.mark.parametrize("random", [{}, {**randomness.global_states(), "torch": torch.zeros(3)}])
def test_random_states_of_another_version_are_said_to_be(random: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="go on with the image that wrote it"):
        fit({}, {**content(), "random": random}, "here")


@pytest.mark.parametrize(
    ("read", "lacking"),
    [([1], "identity, parts"), ({"parts": {}}, "identity, random"), ({**content(), "parts": 1}, "no parts")],
)
def test_a_whole_file_that_is_no_training_state_is_said_to_be_none(read: Any, lacking: str) -> None:
    """It was a KeyError, which is retried."""
    with pytest.raises(ConfigurationError, match=lacking):
        check_content(read, "here")
