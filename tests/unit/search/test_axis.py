"""Axes: every value gets its share, and a value that the range does not hold is not taken for one."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution

from contract.histories import SPACE, parameters
from stepladder.api.model import Scalar
from stepladder.search.axis import Axis

GRID = (np.arange(4000) + 0.5) / 4000


def axis(**spec: Any) -> Axis:
    return Axis(parameters({"name": "p", **spec})[0])


def values(of: Axis) -> list[Any]:
    return [of.value(u) for u in GRID]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"int": {"min": 1, "max": 4}}, [1, 2, 3, 4]),
        ({"int": {"min": 1, "max": 8, "step": 3}}, [1, 4, 7]),
        ({"float": {"min": 0, "max": 0.3, "step": 0.1}}, [0.0, 0.1, 0.2, 0.3]),
        ({"float": {"min": 0.1, "max": 1, "step": 0.4}}, [0.1, 0.5, 0.9]),
        ({"categorical": {"values": ["a", 2, False]}}, ["a", 2, False]),
    ],
)
def test_discrete_values_have_equal_shares_and_the_decimals_that_people_wrote(
    spec: dict[str, Any], expected: list[Scalar]
) -> None:
    """Neither end at half share, no 0.30000000000000004, no last step lost to rounding."""
    counts = Counter(values(axis(**spec)))
    assert list(counts) == expected
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {type(v) for v in counts} == {type(v) for v in expected}


def test_a_log_range_gives_each_decade_its_share() -> None:
    drawn = np.array(values(axis(float={"min": 1e-4, "max": 1, "scale": "Log"})))
    assert np.histogram(np.log10(drawn), bins=4, range=(-4, 0))[0].tolist() == [1000] * 4


def test_a_log_integer_reaches_both_ends_with_the_share_of_the_axis_that_rounds_to_them() -> None:
    counts = Counter(values(axis(int={"min": 1, "max": 64, "scale": "Log"})))
    assert (min(counts), max(counts)) == (1, 64)
    assert counts[1] == pytest.approx(4000 * np.log(1.5 / 0.5) / np.log(64.5 / 0.5), abs=1)


@pytest.mark.parametrize("parameter", [p for p in SPACE if p.value is None], ids=lambda p: p.name)
@given(u=st.floats(0, 1, exclude_max=True))
def test_a_value_and_its_uniform_stand_for_each_other(parameter: Any, u: float) -> None:
    on = Axis(parameter)
    value = on.value(u)
    assert on.recorded(value) == value
    again = on.value(on.uniform(value))
    assert again == value or again == pytest.approx(value, rel=1e-9)
    distribution: BaseDistribution = on.distribution
    assert distribution._contains(on.internal(value))  # noqa: SLF001  (what Optuna itself asks)


@pytest.mark.parametrize(
    ("spec", "value", "recorded"),
    [
        ({"float": {"min": 0, "max": 1}}, 1, 1.0),
        ({"float": {"min": 0, "max": 1}}, 1.5, None),
        ({"float": {"min": 0, "max": 1}}, True, None),
        ({"float": {"min": 0, "max": 1}}, "0.5", None),
        ({"float": {"min": 0, "max": 1}}, float("nan"), None),
        ({"float": {"min": 0, "max": 1, "step": 0.1}}, 0.3, 0.3),
        ({"float": {"min": 0, "max": 1, "step": 0.1}}, 0.35, None),
        ({"int": {"min": 1, "max": 9, "step": 2}}, 5.0, 5),
        ({"int": {"min": 1, "max": 9, "step": 2}}, 4, None),
        ({"int": {"min": 1, "max": 9}}, 4.5, None),
        ({"categorical": {"values": [1, 2]}}, 1.0, 1),
        ({"categorical": {"values": [1, 2]}}, True, None),
        ({"categorical": {"values": ["a"]}}, "b", None),
    ],
)
def test_a_value_from_json_is_taken_in_its_own_type_or_not_at_all(
    spec: dict[str, Any], value: Scalar, recorded: Scalar | None
) -> None:
    taken = axis(**spec).recorded(value)
    assert (taken, type(taken)) == (recorded, type(recorded))
