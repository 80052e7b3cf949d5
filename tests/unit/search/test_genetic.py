"""The genetic algorithm: who becomes a parent, what a child inherits, and what it finds."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contract.histories import FLAT, SPACE
from search.problems import LETTERS, asking, best, one_max, random_best, search
from stepladder.api.model import Scalar
from stepladder.api.study import Direction, Parameter, SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.search.history import Record
from stepladder.search.record import OptunaRecord
from stepladder.search.samplers.genetic import tournament
from stepladder.search.storage import IN_MEMORY

GENETIC = SamplerAlgorithm.GENETIC


def children(
    records: list[Record], space: tuple[Parameter, ...] = FLAT, count: int = 40, **settings: Any
) -> list[dict[str, Scalar]]:
    record = OptunaRecord(IN_MEMORY)
    asked = asking(records, GENETIC, space, **settings)
    return [record.propose(asked, number) for number in range(len(records), len(records) + count)]


def test_the_better_of_a_tournament_wins() -> None:
    """P(the best of 4 is in a tournament of 3) = 1 - (3/4)^3 = 0.578; of the worst only 1/64 win."""
    rng = np.random.default_rng(0)
    winners = np.bincount([tournament(4, 3, rng) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(winners, [37 / 64, 19 / 64, 7 / 64, 1 / 64], atol=0.03)


def test_children_come_from_the_best_whatever_failed_or_was_infeasible() -> None:
    good = [Record({"x": 0.5, "y": 0.1 * i}, ((9, 1.0),), Outcome.COMPLETED) for i in range(4)]
    bad = [Record({"x": -0.9, "y": 0.1 * i}, ((9, 5.0),), Outcome.COMPLETED) for i in range(8)]
    lost = [
        Record({"x": -0.8, "y": 0.0}, ((9, -9.0),), Outcome.INFEASIBLE),
        Record({"x": -0.7, "y": 0.0}, (), Outcome.FAILED),
    ]
    made = children([*good, *bad, *lost], genetic={"population": 4})
    assert np.median([abs(float(child["x"]) - 0.5) for child in made]) < 0.1
    assert all(abs(float(child["x"]) - 0.5) < 0.9 for child in made)


def test_most_are_pruned_early_and_the_few_that_went_on_are_the_parents() -> None:
    """By value alone the pruned would win: their loss at the first step is lower than the survivors' later."""
    pruned = [Record({"x": -0.5, "y": i / 40}, ((1, 0.1),), Outcome.PRUNED) for i in range(30)]
    survived = [Record({"x": 0.5, "y": i / 40}, ((1, 0.05), (9, 0.3)), Outcome.COMPLETED) for i in range(12)]
    made = children([*pruned, *survived], genetic={"population": 10})
    assert np.median([float(child["x"]) for child in made]) == pytest.approx(0.5, abs=0.05)


def test_what_waits_at_a_rung_has_a_result() -> None:
    records = [Record({"x": x, "y": y}, ((1, abs(x)),)) for x in (-0.9, 0.0, 0.9) for y in (-0.5, 0.0, 0.25, 0.5)]
    assert np.median([abs(float(child["x"])) for child in children(records, genetic={"population": 4})]) < 0.1


def test_a_child_has_the_parameters_of_its_branch() -> None:
    adam: dict[str, Scalar] = {"optimizer": "adam", "learning_rate": 1e-3, "beta": 0.6, "batch_size": 64, "layers": 3}
    sgd: dict[str, Scalar] = {
        "optimizer": "sgd",
        "learning_rate": 1e-2,
        "momentum": 0.9,
        "nesterov": True,
        "batch_size": 8,
        "layers": 7,
    }
    records = [Record(values, ((1, 1.0),), Outcome.COMPLETED) for values in (adam, sgd)]
    made = children(records, SPACE, startupTrials=2)
    assert {child["optimizer"] for child in made} == {"adam", "sgd"}
    assert all(("beta" in child) == (child["optimizer"] == "adam") for child in made)
    assert {child["learning_rate"] for child in made} >= {1e-3, 1e-2}  # inherited as they are, not resampled


def test_startup_is_quasi_random_and_as_long_as_asked() -> None:
    records = [Record({"x": i / 10, "y": 0.0}, ((1, float(i)),), Outcome.COMPLETED) for i in range(5)]
    quasi = OptunaRecord(IN_MEMORY).propose(asking(records, SamplerAlgorithm.QUASI_RANDOM, FLAT), 5)
    assert children(records, count=1) == [quasi]
    assert children(records, count=1, startupTrials=5) != [quasi]


def test_maximising_prefers_the_greater() -> None:
    records = [Record({"x": i / 20, "y": 0.0}, ((1, float(i)),), Outcome.COMPLETED) for i in range(20)]
    record = OptunaRecord(IN_MEMORY)
    asked = replace(asking(records, GENETIC, FLAT, genetic={"population": 4}), direction=Direction.MAXIMIZE)
    made = [record.propose(asked, number) for number in range(20, 40)]
    assert np.median([float(child["x"]) for child in made]) >= 0.8


def test_a_space_that_is_used_up_ends_no_search() -> None:
    assert len(search(GENETIC, LETTERS[:1], one_max, 15, 0, startupTrials=2)) == 15


@pytest.mark.long
def test_one_max_over_four_letters_is_solved_where_random_search_is_far_from_it() -> None:
    """12 letters, 100 trials, 10 seeds. Random search gets about 7 of 12 right."""
    found = [best(search(GENETIC, LETTERS, one_max, 100, seed)) for seed in range(10)]
    random = [random_best(LETTERS, one_max, 100, seed) for seed in range(10)]
    assert all(ours < theirs for ours, theirs in zip(found, random, strict=True))
    assert np.median(found) <= 1 < 4 <= np.median(random)
