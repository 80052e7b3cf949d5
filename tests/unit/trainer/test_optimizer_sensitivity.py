"""How much hangs on the learning rate, by optimizer: why Adam is the default."""

from statistics import fmean

import pytest

from stepladder_trainer.contract import Objective, Scalar, TrialDocument
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.outcomes import InfeasibleError
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

SEEDS = (1, 2)
RATES = [10 ** (exponent / 2) for exponent in range(-8, 3)]  # 0.0001 to 10
STEPS = 150


def final_error(task: str, optimizer: str, learning_rate: float, seed: int) -> float:
    """The fraction of validation guessed wrong after training; 1 where it diverges."""
    parameters: dict[str, Scalar] = {"optimizer": optimizer, "learning_rate": learning_rate}
    document = TrialDocument(
        parameters=parameters,
        seed=seed,
        target_steps=STEPS,
        horizon_steps=STEPS,
        objective=Objective("validation_error"),
    )
    trial = Trial(document, Board(), StopRequest())
    try:
        train(trial, Plan(task, read(parameters, {"model": "mlp"}), STEPS))
    except InfeasibleError:
        return 1.0
    error = trial.history.value("validation_error", STEPS)
    assert error is not None
    return error


def test_adam_is_the_default() -> None:
    assert read({}, {}).optimizer.name == "adam"


@pytest.mark.long
@pytest.mark.parametrize("task", ["digits", "wine"])
def test_adam_takes_a_wider_range_of_learning_rates_than_gradient_descent(task: str) -> None:
    """CS 329P, hyperparameter tuning: Adam is less sensitive to its learning rate than SGD. The range is that of rates
    whose final error, the mean over seeds, is at most 0.1 above the optimizer's own best (a tenth of the best error
    would be less than one example). Catches a default that does not forgive, and steps that grow with the gradient."""
    good = {}
    for optimizer in ("adam", "sgd"):
        errors = [fmean(final_error(task, optimizer, rate, seed) for seed in SEEDS) for rate in RATES]
        good[optimizer] = [rate for rate, error in zip(RATES, errors, strict=True) if error <= min(errors) + 0.1]
    assert len(good["adam"]) > len(good["sgd"]) > 0, good
    assert RATES[0] < min(good["adam"]), "the range begins within what was tried"
    assert RATES[-1] > max(good["sgd"])
