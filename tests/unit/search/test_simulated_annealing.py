"""Simulated annealing: what it accepts, where it steps, and what it finds."""

import math

import numpy as np
import pytest

from contract.histories import FLAT, SPACE
from search.problems import BOX, asking, best, quadratic, random_best, search
from stepladder.api.model import Scalar
from stepladder.api.study import Sampler, SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.search.evidence import INFEASIBLE, Standing
from stepladder.search.history import Record
from stepladder.search.record import OptunaRecord
from stepladder.search.samplers import Request
from stepladder.search.samplers.simulated_annealing import SimulatedAnnealingSampler, accepts, scale
from stepladder.search.space import Space
from stepladder.search.storage import IN_MEMORY

SA = SamplerAlgorithm.SIMULATED_ANNEALING
ONE_CHAIN = {"chains": 1, "initialTemperature": 1e-6}


def test_what_is_worse_by_one_temperature_is_accepted_as_often_as_metropolis_has_it() -> None:
    """exp(-1) = 0.3679, within three standard deviations of a binomial of 4000."""
    count, p = 4000, math.exp(-1)
    accepted = sum(accepts(2.0, 2.0, seed) for seed in range(count))
    assert abs(accepted / count - p) < 3 * math.sqrt(p * (1 - p) / count)


def test_what_is_not_worse_is_always_accepted_and_nothing_else_when_cold() -> None:
    assert all(accepts(0.0, 0.0, seed) and accepts(-1.0, 1e-9, seed) for seed in range(20))
    assert not any(accepts(1e-3, 1e-9, seed) or accepts(1e-3, 0.0, seed) for seed in range(20))


def test_the_temperature_is_in_standard_deviations_of_the_first_results() -> None:
    """A temperature in the objective's own unit would be right for errors and wrong for losses of thousands."""
    known = {i: Standing(1, value) for i, value in enumerate([1.0, 3.0] * 5)}
    assert scale(known) == 1.0
    assert scale(known | {9: INFEASIBLE, 10: Standing(1, 3.0), 11: Standing(1, 1e9)}) == 1.0
    assert scale({}) == 0.0


def test_a_neighbour_is_within_a_tenth_of_each_range_on_its_scale() -> None:
    sampler = SimulatedAnnealingSampler(Request(Space(SPACE), 0, 0, Sampler(algorithm=SA)))
    current: dict[str, Scalar] = {
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "beta": 0.6,
        "batch_size": 64,
        "layers": 3,
    }
    made = [sampler.neighbour(current, np.random.default_rng(seed)) for seed in range(200)]
    assert all(10**-3.5 <= float(n["learning_rate"]) <= 10**-2.5 for n in made)
    assert {n["layers"] for n in made} == {1, 3, 5}  # a tenth of the range would hold no other number of layers
    switched = [n for n in made if n["optimizer"] == "sgd"]
    assert 10 < len(switched) < 60  # one in seven
    assert {n["momentum"] for n in switched} >= {0.0, 0.9}  # newly active: anywhere
    assert all(abs(float(n["beta"]) - 0.6) <= 0.049 + 1e-9 for n in made if "beta" in n)


def test_a_chain_goes_on_from_its_last_accepted_point_while_its_last_proposal_runs() -> None:
    """It must neither wait for the running one nor step from the worse one that was refused."""
    record = OptunaRecord(IN_MEMORY)
    records = [
        Record({"x": 0.5, "y": 0.5}, ((1, 0.0),), Outcome.COMPLETED),
        Record({"x": -0.9, "y": -0.9}, ((1, 9.0),), Outcome.COMPLETED),
        Record({"x": -0.8, "y": -0.8}, ((1, -9.0),), Outcome.INFEASIBLE),
        Record({"x": -0.7, "y": -0.7}, (), Outcome.FAILED),
        Record({"x": 0.6, "y": 0.6}),
    ]
    made = record.propose(asking(records, SA, FLAT, simulatedAnnealing=ONE_CHAIN), 5)
    assert abs(float(made["x"]) - 0.5) <= 0.2
    assert abs(float(made["y"]) - 0.5) <= 0.2


@pytest.mark.parametrize(("factor", "stands"), [(0.999, -0.9), (1e-9, 0.5)])
def test_each_result_that_was_judged_cools_the_chain(factor: float, stands: float) -> None:
    """At a thousand standard deviations whatever is worse is accepted; a billionth of it later, nothing is."""
    records = [
        Record({"x": 0.5, "y": 0.5}, ((1, 0.0),), Outcome.COMPLETED),
        Record({"x": -0.9, "y": -0.9}, ((1, 1.0),), Outcome.COMPLETED),
    ]
    settings = {"chains": 1, "initialTemperature": 1000, "coolingFactor": factor}
    made = OptunaRecord(IN_MEMORY).propose(asking(records, SA, FLAT, simulatedAnnealing=settings), 2)
    assert abs(float(made["x"]) - stands) <= 0.2


def test_chains_do_not_mix() -> None:
    corners = [(-0.8, -0.8), (0.8, 0.8)]
    records = [Record({"x": x, "y": y}, ((1, i),), Outcome.COMPLETED) for i, (x, y) in enumerate(corners)]
    record = OptunaRecord(IN_MEMORY)
    for number, (x, _) in zip((2, 3), corners, strict=True):
        made = record.propose(asking(records, SA, FLAT, simulatedAnnealing={"chains": 2}), number)
        assert abs(float(made["x"]) - x) <= 0.2


def test_until_a_result_is_there_a_chain_begins_quasi_randomly() -> None:
    records = [Record({"x": 0.0, "y": 0.0}), Record({"x": 0.1, "y": 0.0}, (), Outcome.INFEASIBLE)]
    made = OptunaRecord(IN_MEMORY).propose(asking(records, SA, FLAT, simulatedAnnealing=ONE_CHAIN), 2)
    quasi = OptunaRecord(IN_MEMORY).propose(asking(records, SamplerAlgorithm.QUASI_RANDOM, FLAT), 2)
    assert made == quasi


@pytest.mark.long
def test_a_separable_quadratic_is_solved_where_random_search_does_not() -> None:
    """3 parameters, 100 trials, 2 chains, 10 seeds: a regret of at most 5 % of the objective's mean over the space.

    Measured: median 0.09, random search 1.7.
    """
    space = BOX[:3]
    found = [best(search(SA, space, quadratic, 100, seed, simulatedAnnealing={"chains": 2})) for seed in range(10)]
    assert max(found) <= 0.05 * 30
    assert np.median(found) < 0.25 * np.median([random_best(space, quadratic, 100, seed) for seed in range(10)])
