"""How large a space is, and what share of the proposals falls where."""

from typing import Any

import pytest

from contract.histories import parameters
from engine.simulator import study
from stepladder.engine.branches import MOST, branches, settings_of
from stepladder.engine.extents import extent

OPTIMIZER = {"name": "optimizer", "categorical": {"values": ["adam", "nadam", "sgd"]}}
BETA = {"name": "beta", "float": {"min": 0.9, "max": 0.999, "scale": "LogOneMinus"}}
NESTEROV = {"name": "nesterov", "categorical": {"values": [True, False]}}
RATE = {"name": "rate", "float": {"min": 1e-5, "max": 1e-1, "scale": "Log"}}


def when(parent: str, *values: Any) -> dict[str, Any]:
    return {"when": {"parameter": parent, "in": list(values)}}


def test_parameters_that_exist_together() -> None:
    """Two of three optimizers have a beta. The optimizer is a dimension only where there is a choice of it."""
    space = parameters(OPTIMIZER, BETA | when("optimizer", "adam", "nadam"), NESTEROV | when("optimizer", "sgd"), RATE)
    adam, sgd = branches(space)
    assert (adam.conditions, adam.tuned) == ((("optimizer", ("adam", "nadam")),), ("optimizer", "beta", "rate"))
    assert (sgd.conditions, sgd.tuned) == ((("optimizer", ("sgd",)),), ("nesterov", "rate"))
    assert (adam.share, sgd.share) == pytest.approx((2 / 3, 1 / 3))
    assert (adam.decades, sgd.decades) == pytest.approx((6, 4))
    assert adam.density(12) == pytest.approx(8 ** (1 / 3))  # 8 of 12 trials over three parameters: two of each
    assert adam.configurations is None


def test_configurations_are_counted_once_each() -> None:
    """Catches a count that multiplies by parameters which do not exist: 2 x 4 + 1 x 2, and not 3 x 4 x 2."""
    layers = {"name": "layers", "int": {"min": 1, "max": 4}}
    space = parameters(OPTIMIZER, layers | when("optimizer", "adam", "nadam"), NESTEROV | when("optimizer", "sgd"))
    assert sum(branch.configurations or 0 for branch in branches(space)) == 10


def test_conditions_three_deep() -> None:
    """The share of the deepest is that of the whole chain above it."""
    space = parameters(
        OPTIMIZER,
        NESTEROV | when("optimizer", "sgd"),
        {"name": "decay", "categorical": {"values": ["l1", "l2"]}} | when("nesterov", True),
        {"name": "strength", "normal": {"mean": 0, "standardDeviation": 1}} | when("decay", "l2"),
    )
    shares = {branch.conditions[-1]: branch.share for branch in branches(space)}
    assert shares == pytest.approx(
        {
            ("optimizer", ("adam", "nadam")): 2 / 3,
            ("decay", ("l1",)): 1 / 12,
            ("decay", ("l2",)): 1 / 12,
            ("nesterov", (False,)): 1 / 6,
        }
    )


def test_many_branches_are_cut_and_not_built() -> None:
    """Forty independent switches with a child each are 2^40 branches."""
    switches = [{"name": f"s{i}", "categorical": {"values": [True, False]}} for i in range(20)]
    children = [RATE | {"name": f"r{i}"} | when(f"s{i}", True) for i in range(20)]
    assert len(branches(parameters(*switches, *children))) == MOST


def test_settings_are_dealt_trials_in_turn() -> None:
    scientific = {"name": "width", "role": "Scientific", "categorical": {"values": [1, 2, 3]}}
    spec = study({"trials": 10, "maxSteps": 9}, parameters=[scientific, RATE])
    assert [setting.trials for setting in settings_of(spec, spec.rounds[0])] == [4, 3, 3]


@pytest.mark.parametrize(
    ("spec", "values", "ends", "decades"),
    [
        ({"categorical": {"values": [1, 2, 3]}}, 3, None, None),
        ({"int": {"min": 1, "max": 9, "step": 3}}, 3, (1, 9), None),
        ({"int": {"min": 1, "max": 100, "scale": "Log"}}, 100, (1, 100), 2),
        ({"float": {"min": 0, "max": 0.3, "step": 0.1}}, 4, (0, 0.3), None),
        (RATE, None, (1e-5, 1e-1), 4),
        (BETA, None, (0.9, 0.999), 2),
        ({"normal": {"mean": 1, "standardDeviation": 2}}, None, (-7, 9), None),
        ({"normal": {"mean": 1, "standardDeviation": 2, "min": 0}}, None, (0, 9), None),
        ({"logNormal": {"mean": 0, "standardDeviation": 1, "max": 10}}, None, (0.0183156, 10), 2.737),
    ],
)
def test_extent(
    spec: dict[str, Any], values: int | None, ends: tuple[float, float] | None, decades: float | None
) -> None:
    (parameter,) = parameters({"name": "p"} | spec)
    reach = extent(parameter)
    assert reach.values == values
    assert reach.ends == (None if ends is None else pytest.approx(ends, rel=1e-5))
    assert reach.decades == (None if decades is None else pytest.approx(decades, rel=1e-3))
