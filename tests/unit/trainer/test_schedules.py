import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepladder_trainer.history import History
from stepladder_trainer.hyperparameters import ScheduleHyperparameters
from stepladder_trainer.schedules import build
from stepladder_trainer.schedules.decay import DECAYS


def factor(schedule: str, step: int, *, horizon: int, warmup: int = 0) -> float:
    return build(ScheduleHyperparameters(schedule, warmup), horizon, History()).factor(step)


def test_warmup_rises_linearly_and_reaches_the_peak_at_its_last_update() -> None:
    assert [factor("cosine", step, horizon=20, warmup=4) for step in range(1, 6)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_linear_decay_divides_the_horizon_evenly() -> None:
    assert [factor("linear", step, horizon=4) for step in range(1, 6)] == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_cosine_is_half_way_down_in_the_middle() -> None:
    assert factor("cosine", 6, horizon=10) == pytest.approx(0.5)
    assert factor("cosine", 10, horizon=10) == pytest.approx(0.5 * (1 + math.cos(0.9 * math.pi)))


def test_decay_begins_after_the_warmup() -> None:
    assert factor("linear", 15, horizon=20, warmup=10) == pytest.approx(0.6)


@given(st.sampled_from(sorted(DECAYS)), st.integers(1, 5000), st.integers(1, 1000), st.integers(0, 999))
def test_the_factor_never_leaves_zero_to_one(schedule: str, step: int, horizon: int, warmup: int) -> None:
    """Also beyond the horizon: a rate that turned negative would climb the loss."""
    assert 0 <= factor(schedule, step, horizon=horizon, warmup=warmup) <= 1
