"""Points for models: the same however a configuration came, and blind to what is inactive."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.histories import SPACE, parameters
from stepladder.search.encoding import Encoding
from stepladder.search.space import Space

ENCODING = Encoding(Space(SPACE))
UNIFORMS = st.lists(st.floats(0, 1, exclude_max=True), min_size=ENCODING.dimensions, max_size=ENCODING.dimensions).map(
    np.array
)


@given(UNIFORMS)
@settings(max_examples=60)
def test_a_configuration_encodes_as_the_point_it_came_from(u: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Otherwise the model would be asked about other places than those it has seen."""
    again = ENCODING.uniforms([ENCODING.configuration(u)])[0]
    np.testing.assert_allclose(ENCODING.encode(again[None]), ENCODING.encode(u[None]), atol=1e-9)


def test_inactive_parameters_make_no_difference() -> None:
    # axes: optimizer, learning_rate, batch_size, layers, then beta and momentum, then nesterov
    names = [axis.name for axis in Space(SPACE).axes.values()]
    points = np.full((2, len(names)), 0.4)
    points[:, names.index("optimizer")] = 0.1  # adam
    points[1, names.index("momentum")] = points[1, names.index("nesterov")] = 0.9
    first, second = ENCODING.encode(points)
    assert (first == second).all()
    points[1, names.index("beta")] = 0.9
    assert (ENCODING.encode(points)[0] != ENCODING.encode(points)[1]).any()


def test_choices_are_equally_far_apart_and_a_range_is_one_wide() -> None:
    encoding = Encoding(
        Space(
            parameters(
                {"name": "c", "categorical": {"values": ["a", "b", "c"]}},
                {"name": "x", "float": {"min": 1e-4, "max": 1, "scale": "Log"}},
            )
        )
    )
    points = encoding.encode(np.array([[0.1, 0.5], [0.5, 0.5], [0.9, 0.5]]))
    distances = [np.linalg.norm(points[i] - points[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(distances, 1.0)
    assert encoding.columns == points.shape[1] == 4
    np.testing.assert_allclose(points[:, 3], 0.5)


@given(UNIFORMS)
@settings(max_examples=60)
def test_a_single_configuration_is_put_where_all_are(u: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Otherwise the nearest of a pool would not be the nearest to the model."""
    np.testing.assert_allclose(ENCODING.point(ENCODING.configuration(u)), ENCODING.encode(u[None])[0], atol=1e-9)
