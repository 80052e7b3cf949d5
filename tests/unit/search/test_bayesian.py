"""What Bayesian optimisation looks at around the best points that it knows."""

import numpy as np

from stepladder.search.bayesian import neighbours


def test_choices_around_a_point_are_kept_or_drawn_anew_and_never_moved() -> None:
    """A number moves by the scale. A choice has no near one: moved by a thousandth it would mostly stay what it is,
    and no other choice would ever be looked at beside a good configuration."""
    centre = np.array([[0.5, 0.5]])
    near = neighbours(centre, 0.001, np.array([False, True]), np.random.default_rng(0))
    assert near.shape == (64, 2)
    assert np.abs(near[:, 0] - 0.5).max() < 0.01
    drawn = near[:, 1] != 0.5
    assert 0.1 < drawn.mean() < 0.35
    assert np.ptp(near[drawn, 1]) > 0.5
