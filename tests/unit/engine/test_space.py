"""Scientific settings, conditions, and a round's own values."""

import pytest

from engine.simulator import study
from stepladder.api.model import Scalar
from stepladder.api.study import Parameter, Role, When
from stepladder.engine import space

OPTIMIZER = {"name": "optimizer", "role": "Scientific", "categorical": {"values": ["sgd", "adam", "nadam"]}}
WIDTH = {"name": "width", "role": "Scientific", "categorical": {"values": [64, 256]}}
BETA = {"name": "beta", "float": {"min": 0.5, "max": 0.9}, "when": {"parameter": "optimizer", "in": ["adam", "nadam"]}}
NESTEROV = {
    "name": "nesterov",
    "role": "Scientific",
    "categorical": {"values": [True, False]},
    "when": {"parameter": "optimizer", "in": ["sgd"]},
}
ROUND = {"trials": 100, "maxSteps": 9}


def parameter(name: str, parent: str | None = None, *values: Scalar) -> Parameter:
    when = When(parameter=parent, values=values) if parent else None
    return Parameter(name=name, role=Role.FIXED, value=0, when=when)


def test_settings_are_the_product_of_scientific_values() -> None:
    """Catches a missing combination, and an order that changes (the setting's number is in the Optuna study's name)."""
    spec = study(ROUND, parameters=[WIDTH, OPTIMIZER])
    assert [tuple(s.values()) for s in space.settings(spec, spec.rounds[0])] == [
        (64, "sgd"),
        (64, "adam"),
        (64, "nadam"),
        (256, "sgd"),
        (256, "adam"),
        (256, "nadam"),
    ]


def test_a_study_without_scientific_parameters_has_one_setting() -> None:
    """Catches a division by no settings."""
    spec = study(ROUND)
    assert space.settings(spec, spec.rounds[0]) == ({},)


def test_a_scientific_value_that_does_not_exist_makes_no_setting() -> None:
    """Nesterov is a question about SGD only: four settings, not six. Catches the same setting tuned twice."""
    spec = study(ROUND, parameters=[NESTEROV, OPTIMIZER])
    assert space.settings(spec, spec.rounds[0]) == (
        {"optimizer": "sgd", "nesterov": True},
        {"optimizer": "sgd", "nesterov": False},
        {"optimizer": "adam"},
        {"optimizer": "nadam"},
    )


def test_a_rounds_value_takes_a_scientific_parameter_out_of_the_product() -> None:
    """Catches settings that differ in a value which the round fixes anyway."""
    spec = study(ROUND | {"parameters": [{"name": "optimizer", "value": "adam"}]}, parameters=[WIDTH, OPTIMIZER])
    assert space.settings(spec, spec.rounds[0]) == ({"width": 64}, {"width": 256})


def test_a_space_of_a_million_settings_costs_no_more_than_its_trials() -> None:
    """Later settings would get no configuration. Catches a plan that builds 256^3 combinations."""
    many = [{"name": f"p{n}", "role": "Scientific", "categorical": {"values": list(range(256))}} for n in range(3)]
    spec = study(ROUND, parameters=many)
    assert len(space.settings(spec, spec.rounds[0])) == 100


def test_the_space_of_a_setting_has_its_values_fixed() -> None:
    """What a sampler gets: no scientific parameter is left to it, and the round's new value is there."""
    spec = study(ROUND | {"parameters": [{"name": "decay", "value": 0.1}]}, parameters=[OPTIMIZER, BETA, NESTEROV])
    adam = space.setting_parameters(spec, spec.rounds[0], 2)
    assert [(p.name, p.role, p.value) for p in adam] == [
        ("optimizer", Role.FIXED, "adam"),
        ("beta", Role.NUISANCE, None),
        ("decay", Role.FIXED, 0.1),
    ]
    assert adam[1].when is not None
    sgd = space.setting_parameters(spec, spec.rounds[0], 1)
    assert [(p.name, p.value) for p in sgd if p.role is Role.FIXED] == [
        ("optimizer", "sgd"),
        ("nesterov", False),
        ("decay", 0.1),
    ]


def test_conditions_nest() -> None:
    """c needs b which needs a: without b there is no c, though c's own condition would hold by an old value."""
    parameters = [parameter("c", "b", 1), parameter("b", "a", "x"), parameter("a")]
    assert [p.name for p in space.parents_first(parameters)] == ["a", "b", "c"]
    assert space.existing(parameters, {"a": "x", "b": 1, "c": 5}) == {"a": "x", "b": 1, "c": 5}
    assert space.existing(parameters, {"a": "y", "b": 1, "c": 5}) == {"a": "y"}


def test_conditions_in_a_circle_are_refused_by_name() -> None:
    """Catches an endless loop."""
    with pytest.raises(ValueError, match="a, b can never hold"):
        space.parents_first([parameter("a", "b", 1), parameter("b", "a", 1)])


@pytest.mark.parametrize(
    ("value", "choice", "equal"),
    [(1, 1.0, True), (1, True, False), (0, False, False), ("1", 1, False), (True, True, True)],
)
def test_values_are_equal_as_json_has_it(value: Scalar, choice: Scalar, equal: bool) -> None:
    """Catches Python's 1 == True."""
    assert space.holds(When(parameter="p", values=(choice,)), {"p": value}) is equal


def test_a_later_round_drops_what_its_own_values_rule_out() -> None:
    """The final round trains with SGD, which has no beta. Catches a parameter that the trainer would refuse."""
    final = {"from": {"round": "round-0"}, "maxSteps": 9, "parameters": [{"name": "optimizer", "value": "sgd"}]}
    spec = study(ROUND, final, parameters=[OPTIMIZER, BETA])
    values = space.override(spec, spec.rounds[1], {"beta": 0.7, "optimizer": "adam"})
    assert values == {"optimizer": "sgd"}


def test_a_value_for_one_round_only_is_not_handed_on() -> None:
    """Searched on a small model, trained on the large one. Catches a proxy that becomes the target."""
    small = {**ROUND, "parameters": [{"name": "width", "value": 16}, {"name": "layers", "value": 1}]}
    final = {"from": {"round": "round-0"}, "maxSteps": 9, "parameters": [{"name": "layers", "value": 4}]}
    fixed = [{"name": "width", "role": "Fixed", "value": 256}, {"name": "layers", "role": "Fixed", "value": 2}]
    spec = study(small, final, parameters=[*fixed, {"name": "rate", "float": {"min": 0, "max": 1}}])
    values = space.override(spec, spec.rounds[1], {"width": 16, "layers": 1, "rate": 0.5})
    assert values == {"width": 256, "layers": 4, "rate": 0.5}


def test_a_condition_on_a_tuned_parameter_is_left_to_the_sampler() -> None:
    """Whether there is a schedule is tuned; which one is the question. Catches settings that vanish undecided."""
    tuned = {"name": "scheduled", "categorical": {"values": [True, False]}}
    asked = {"name": "schedule", "role": "Scientific", "categorical": {"values": ["linear", "cosine"]}}
    asked["when"] = {"parameter": "scheduled", "in": [True]}
    spec = study(ROUND, parameters=[tuned, asked])
    assert space.settings(spec, spec.rounds[0]) == ({"schedule": "linear"}, {"schedule": "cosine"})
    assert space.setting_parameters(spec, spec.rounds[0], 0)[1].when is not None
