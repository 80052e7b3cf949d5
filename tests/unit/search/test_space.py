"""Conditional parameters, resolved whatever their order and depth."""

import pytest

from contract.histories import SPACE, parameters
from stepladder.api.model import Scalar
from stepladder.search.space import Space


def resolved(**chosen: Scalar) -> dict[str, Scalar]:
    return Space(SPACE).resolve(lambda axis: chosen.get(axis.name, axis.value(0.5)))


def test_a_child_of_an_inactive_parent_is_inactive() -> None:
    assert resolved(optimizer="adam", momentum=0.9).keys().isdisjoint({"momentum", "nesterov"})
    assert "nesterov" in resolved(optimizer="sgd", momentum=0.9)
    assert "nesterov" not in resolved(optimizer="sgd", momentum=0.8)


def test_a_fixed_parent_decides_too() -> None:
    space = Space(
        parameters(
            {"name": "optimizer", "role": "Fixed", "value": "adam"},
            {"name": "beta", "float": {"min": 0, "max": 1}, "when": {"parameter": "optimizer", "in": ["adam"]}},
            {"name": "momentum", "float": {"min": 0, "max": 1}, "when": {"parameter": "optimizer", "in": ["sgd"]}},
        )
    )
    assert space.resolve(lambda axis: 0.5) == {"optimizer": "adam", "beta": 0.5}


def test_recorded_drops_what_is_fixed_inactive_or_unknown() -> None:
    values: dict[str, Scalar] = {"optimizer": "adam", "beta": 0.9, "momentum": 0.9, "width": 64, "other": 1}
    assert Space(SPACE).recorded(values) == {"optimizer": "adam", "beta": 0.9}


def test_a_circle_is_refused_by_name() -> None:
    choice = {"values": [1, 2]}
    with pytest.raises(ValueError, match="a, b"):
        Space(
            parameters(
                {"name": "a", "categorical": choice, "when": {"parameter": "b", "in": [1]}},
                {"name": "b", "categorical": choice, "when": {"parameter": "a", "in": [1]}},
            )
        )
