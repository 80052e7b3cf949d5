from dataclasses import fields

import pytest

from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters import READERS, Hyperparameters, read
from stepladder_trainer.outcomes import ConfigurationError


def test_the_trial_goes_before_the_flags_and_the_flags_before_the_defaults() -> None:
    point = read({"learning_rate": 0.5}, {"learning_rate": 0.1, "width": 32})
    assert (point.learning_rate, point.width, point.layers) == (0.5, 32, 2)


def test_every_field_can_be_set() -> None:
    """A field without a reader could never be searched."""
    assert set(READERS) == {field.name for field in fields(Hyperparameters)}


def test_a_prefix_names_the_parent() -> None:
    assert read({"adam.beta1": 0.8, "optimizer": "nadam"}, {}).beta1 == 0.8
    assert read({"adam.beta1": 0.8}, {"beta1": 0.7}).beta1 == 0.8


def test_whole_numbers_may_come_as_floats() -> None:
    """JSON knows one kind of number; a width of 64.0 must not reach a tensor's shape as a float."""
    width = read({"width": 64.0}, {}).width
    assert width == 64
    assert isinstance(width, int)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"learning_rte": 0.1}, "unknown parameter learning_rte.*learning_rate"),
        ({"resnet.width": 4}, "unknown parameter resnet.width"),
        ({"adam.beta1": 0.9, "nadam.beta1": 0.8}, "both set beta1"),
        ({"learning_rate": "fast"}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": True}, "learning_rate"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"width": 0}, "width"),
        ({"width": 1.5}, "width"),
        ({"dropout": 1.0}, "dropout"),
        ({"optimizer": "Adam"}, "optimizer must be one of sgd, momentum"),
        ({"schedule": "cosin"}, "schedule"),
    ],
)
def test_a_wrong_parameter_is_named(given: dict[str, Scalar], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read(given, {})


def test_unknown_parameters_can_be_allowed() -> None:
    assert read({"augmentation": "none", "width": 8}, {}, ignore_unknown=True).width == 8
