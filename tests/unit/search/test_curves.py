"""Curves: where numbers lie, and how many of them are drawn where."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from scipy.stats import truncnorm

from contract.histories import parameters
from stepladder.search.axis import Axis
from stepladder.search.encoding import Encoding
from stepladder.search.space import Space

GRID = (np.arange(4000) + 0.5) / 4000
BETA = {"float": {"min": 0.9, "max": 0.9999, "scale": "LogOneMinus"}}
BELL = {"normal": {"mean": 0.5, "standardDeviation": 0.1}}
CUT = {"normal": {"mean": 0.5, "standardDeviation": 0.1, "min": 0.5, "max": 0.6}}
LOG_BELL = {"logNormal": {"mean": math.log(0.001), "standardDeviation": 1.0}}
CONTINUOUS = [BETA, BELL, CUT, LOG_BELL]


def axis(spec: dict[str, Any]) -> Axis:
    return Axis(parameters({"name": "p", **spec})[0])


def test_log_one_minus_gives_each_decade_of_one_minus_x_its_share() -> None:
    """0.9 to 0.99 is tried as often as 0.99 to 0.999. On a Linear scale the last decade would get one trial in 111."""
    drawn = axis(BETA).numbers(GRID)
    assert np.histogram(np.log10(1 - drawn), bins=3, range=(-4, -1))[0].tolist() == pytest.approx([1333] * 3, abs=1)
    assert axis(BETA).position([0.9, 0.99, 0.999, 0.9999]) == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_bell_curve_has_its_quantiles() -> None:
    """Known answers: the median, and one standard deviation to either side (0.841345); the ends lie at four."""
    bell = axis(BELL)
    drawn = bell.numbers([0.5, 0.841344746, 1 - 0.841344746, 0.0])
    assert drawn == pytest.approx([0.5, 0.6, 0.4, 0.1], abs=1e-5)
    assert bell.distribution == FloatDistribution(0.5 - 4 * 0.1, 0.5 + 4 * 0.1)


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.6), (0.45, None), (None, 0.3), (0.85, None)])
def test_a_cut_bell_is_scipys_truncated_normal(low: float | None, high: float | None) -> None:
    """The last one starts 3.5 standard deviations above the mean, where little is left to share out."""
    given = {k: v for k, v in (("min", low), ("max", high)) if v is not None}
    drawn = axis({"normal": {"mean": 0.5, "standardDeviation": 0.1, **given}}).numbers(GRID)
    ends = ((0.1 if low is None else low) - 0.5) / 0.1, ((0.9 if high is None else high) - 0.5) / 0.1
    assert drawn == pytest.approx(truncnorm(*ends, loc=0.5, scale=0.1).ppf(GRID), rel=1e-9)


def test_a_log_normal_is_told_in_natural_logarithms() -> None:
    """As numpy.random.lognormal and Ray's lograndn have it. Catches a mean of the values, or logarithms to base 10."""
    drawn = axis(LOG_BELL).numbers(GRID)
    assert np.median(drawn) == pytest.approx(0.001, rel=1e-3)
    assert np.log(drawn).std() == pytest.approx(1.0, abs=0.01)
    recorded = axis(LOG_BELL).distribution
    assert isinstance(recorded, FloatDistribution)
    assert recorded.log
    assert recorded.high == pytest.approx(0.001 * math.exp(4))


@pytest.mark.parametrize("spec", CONTINUOUS)
@given(u=st.floats(0, 1, exclude_max=True))
def test_a_number_and_its_quantile_stand_for_each_other(spec: dict[str, Any], u: float) -> None:
    on = axis(spec)
    value = on.value(u)
    assert on.recorded(value) == value
    assert on.value(on.uniform(value)) == pytest.approx(value, rel=1e-9)
    assert on.distribution._contains(on.internal(value))  # noqa: SLF001  (what Optuna itself asks)


@pytest.mark.parametrize("spec", CONTINUOUS)
def test_positions_go_from_end_to_end(spec: dict[str, Any]) -> None:
    """A model sees the axis's own scale, not quantiles: a bell would be stretched at its ends."""
    on = axis(spec)
    positions = on.position(on.numbers(GRID))
    assert (np.diff(positions) > 0).all()
    assert on.position([on.numeric.low, on.numeric.high]) == pytest.approx([0, 1], abs=1e-12)


def test_a_value_outside_a_bells_ends_is_not_taken() -> None:
    assert axis(CUT).recorded(0.49) is None
    assert axis(BELL).recorded(0.95) is None
    assert axis(BELL).recorded(0.89) == 0.89


def test_three_conditions_deep_beside_every_kind() -> None:
    """A chain of four, each kind of distribution in it: a value exists only if the whole chain above it does."""
    space = Space(
        parameters(
            {"name": "optimizer", "categorical": {"values": ["adam", "sgd"]}},
            {
                "name": "schedule",
                "categorical": {"values": ["cosine", "none"]},
                "when": {"parameter": "optimizer", "in": ["adam"]},
            },
            {
                "name": "restarts",
                "categorical": {"values": [True, False]},
                "when": {"parameter": "schedule", "in": ["cosine"]},
            },
            {"name": "factor", **LOG_BELL, "when": {"parameter": "restarts", "in": [True]}},
            {"name": "beta", **BETA, "when": {"parameter": "restarts", "in": [True]}},
            {"name": "dropout", **CUT, "when": {"parameter": "restarts", "in": [True]}},
        )
    )
    encoding = Encoding(space)
    deep = {"factor", "beta", "dropout"}
    full = encoding.configuration(np.full(6, 0.25))
    assert full.keys() == {"optimizer", "schedule", "restarts"} | deep
    for broken, left in (
        (0, {"optimizer"}),
        (1, {"optimizer", "schedule"}),
        (2, {"optimizer", "schedule", "restarts"}),
    ):
        point = np.full(6, 0.25)
        point[broken] = 0.75
        assert encoding.configuration(point).keys() == left
        moved = np.where(np.arange(6) >= 3, 0.9, point)
        assert (encoding.encode(point[None]) == encoding.encode(moved[None])).all()
        assert space.recorded(full | encoding.configuration(point)).keys() == left
