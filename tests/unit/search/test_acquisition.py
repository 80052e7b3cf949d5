"""Expected improvement against known answers, and its logarithm where the improvement underflows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepladder.search.acquisition import expected_improvement, log_expected_improvement

KNOWN = [
    (0.0, 1.0, 0.0, 0.3989423),
    (0.0, 1.0, 1.0, 1.0833155),
    (0.0, 1.0, -1.0, 0.0833155),
    (0.5, 0.2, 0.4, 0.0395593),
]


@pytest.mark.parametrize(("mean", "deviation", "best", "answer"), KNOWN)
def test_known_answers(mean: float, deviation: float, best: float, answer: float) -> None:
    assert expected_improvement(mean, deviation, best) == pytest.approx(answer, abs=1e-6)
    assert np.exp(log_expected_improvement(mean, deviation, best)) == pytest.approx(answer, abs=1e-6)


def test_the_logarithm_is_right_far_out() -> None:
    """Asymptotically log phi(z) - 2 log|z|, where the improvement itself is 0 in floats from z = -39 on."""
    for z in (-40.0, -1e3, -1e5, -1e8):
        expected = -0.5 * z * z - 0.5 * np.log(2 * np.pi) - 2 * np.log(-z) + np.log1p(-3 / z**2)
        assert log_expected_improvement(0.0, 1.0, z) == pytest.approx(expected, rel=1e-6)


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=50, unique=True))
def test_the_logarithm_is_finite_and_keeps_the_order(zs: list[float]) -> None:
    """A plateau or a jump between the formula's branches would let the search stop at a wrong place."""
    ordered = np.sort(np.array(zs))
    logs = log_expected_improvement(-ordered, 1.0, 0.0)
    assert np.isfinite(logs).all()
    assert (np.diff(logs) >= -1e-9 * np.abs(logs[1:])).all()
