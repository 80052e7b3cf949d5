"""What a round will cost: known totals of the papers, and ASHA's worst order by trying all."""

from itertools import permutations

import pytest

from engine.simulator import study
from stepladder.engine.forecast import forecast


def test_hyperband_costs_what_the_paper_has() -> None:
    """Li et al. 2018 with R=81 and eta=3, resuming from checkpoints: 1581 by Algorithm 1, 1404 by Table 1."""
    for trials, sizing, steps in ((143, "Algorithm1", 1581), (128, "Table1", 1404)):
        pruner = {"algorithm": "Hyperband", "minSteps": 1, "bracketSizing": sizing}
        spec = study({"trials": trials, "maxSteps": 81, "pruner": pruner})
        cost = forecast(spec, spec.rounds[0])
        assert (cost.planned, cost.worst, cost.full) == (steps, steps, trials * 81)


@pytest.mark.parametrize("factor", [2, 3])
def test_ashas_worst_order_promotes_all_but_a_few(factor: int) -> None:
    """Tried over every order of seven results: the most that the rule (top n // eta, not yet promoted) promotes."""

    def promoted(order: tuple[int, ...]) -> int:
        up: set[int] = set()
        for arrived in range(1, len(order) + 1):
            up |= set(sorted(order[:arrived])[: arrived // factor])
        return len(up)

    most = max(map(promoted, permutations(range(7))))
    spec = study(
        {
            "trials": 7,
            "maxSteps": factor,
            "pruner": {"algorithm": "ASHA", "minSteps": 1, "reductionFactor": factor},
        }
    )
    assert forecast(spec, spec.rounds[0]).worst == 7 + most * (factor - 1)


def test_pruners_without_rungs_may_train_all_to_the_end() -> None:
    spec = study({"trials": 7, "maxSteps": 9, "pruner": {"algorithm": "Median", "minSteps": 1}})
    cost = forecast(spec, spec.rounds[0])
    assert (cost.planned, cost.worst) == (None, 63)
