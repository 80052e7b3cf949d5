from dataclasses import fields

import pytest

from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters import KNOWN, read
from stepladder_trainer.hyperparameters.reading import GROUPS
from stepladder_trainer.outcomes import ConfigurationError


def test_the_trial_goes_before_the_flags_and_the_flags_before_the_defaults() -> None:
    point = read({"learning_rate": 0.5}, {"learning_rate": 0.1, "width": 32})
    assert (point.optimizer.learning_rate, point.model.width, point.model.layers) == (0.5, 32, 2)


def test_every_hyperparameter_has_a_name_of_its_own_and_a_default_that_it_accepts() -> None:
    """Of two fields of one name the first could never be searched."""
    assert len(KNOWN) == sum(len(fields(kind)) for kind in GROUPS.values())
    for name, (_, declared) in KNOWN.items():
        assert declared.metadata["read"](name, declared.default) == declared.default


def test_what_a_task_of_ones_own_declares_is_handed_on() -> None:
    assert read({"context": 12, "width": 8}, {"context": 4}, own=frozenset({"context"})).others == {"context": 12}


def test_a_prefix_names_the_parent() -> None:
    assert read({"adam.beta1": 0.8, "optimizer": "nadam"}, {}).optimizer.beta1 == 0.8
    assert read({"adam.beta1": 0.8}, {"beta1": 0.7}).optimizer.beta1 == 0.8


def test_whole_numbers_may_come_as_floats() -> None:
    """JSON knows one kind of number; a width of 64.0 must not reach a tensor's shape as a float."""
    width = read({"width": 64.0}, {}).model.width
    assert width == 64
    assert isinstance(width, int)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"learning_rte": 0.1}, "unknown parameter learning_rte.*learning_rate"),
        ({"vgg.width": 4}, "unknown parameter vgg.width"),
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
    assert read({"augmentation": "none", "width": 8}, {}, ignore_unknown=True).model.width == 8
