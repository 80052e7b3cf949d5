"""Quasi-random points: even, cheap, and a function of seed and index alone."""

from collections import Counter
from time import process_time

import numpy as np
import pytest
from scipy.stats import qmc

from contract.histories import history, parameters, play
from stepladder.api.study import SamplerAlgorithm
from stepladder.search.record import OptunaRecord
from stepladder.search.samplers.quasi_random import halton
from stepladder.search.storage import IN_MEMORY


@pytest.mark.parametrize("seed", range(5))
def test_points_are_more_even_than_random_ones(seed: int) -> None:
    points = np.array([halton(4, seed, i) for i in range(64)])
    random = np.random.default_rng(seed).random((64, 4))
    assert qmc.discrepancy(points) < 0.5 * qmc.discrepancy(random)


def test_a_point_does_not_hang_on_those_before_it() -> None:
    sequence = qmc.Halton(3, scramble=True, rng=7).random(50)
    assert halton(3, 7, 49) == pytest.approx(sequence[49])


def test_no_point_is_the_lower_corner() -> None:
    """The unscrambled sequence begins there: every bound at its lowest, the first trial wasted."""
    assert all(min(halton(6, seed, 0)) > 1e-6 for seed in range(50))


def test_the_ten_thousandth_point_costs_no_more_than_the_first() -> None:
    halton(8, 0, 0)
    started = process_time()
    for seed in range(20):
        halton(8, seed + 1000, 10_000)
    assert (process_time() - started) / 20 < 0.02


@pytest.mark.parametrize("seed", range(8))
def test_choices_come_up_equally_often(seed: int) -> None:
    """Seven batch sizes in 65 trials, each 9 times give or take 2, though they stand last of six parameters."""
    space = parameters(
        *({"name": f"x{i}", "float": {"min": 0, "max": 1}} for i in range(5)),
        {"name": "batch_size", "categorical": {"values": [16, 32, 64, 128, 256, 512, 1024]}},
    )
    record = OptunaRecord(IN_MEMORY)
    empty = history(space=space, seed=seed)
    record.propose(empty, 64)
    counts = Counter(record.propose(empty, number)["batch_size"] for number in range(65))
    assert len(counts) == 7
    assert all(abs(count - 65 / 7) <= 2 for count in counts.values())


def test_conditional_parameters_are_even_where_they_are_active() -> None:
    record = OptunaRecord(IN_MEMORY)
    empty = history(algorithm=SamplerAlgorithm.QUASI_RANDOM)
    record.propose(empty, 127)
    proposals = [record.propose(empty, number) for number in range(128)]
    betas = [float(p["beta"]) for p in proposals if "beta" in p]
    assert abs(len(betas) - 64) <= 2
    counts = np.histogram(betas, bins=4, range=(0.5, 0.99))[0]
    assert counts.min() >= len(betas) / 4 - 4


def test_results_make_no_difference() -> None:
    record = OptunaRecord(IN_MEMORY)
    ahead = [record.propose(history(), number) for number in range(6)]
    assert [r.parameters for r in play(OptunaRecord(IN_MEMORY), 6, SamplerAlgorithm.QUASI_RANDOM)] == ahead
