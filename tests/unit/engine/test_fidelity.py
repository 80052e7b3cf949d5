"""Rank correlations between fidelities, by hand."""

import pytest

from engine.simulator import Simulator, study
from stepladder.engine.fidelity import agreements, spearman
from stepladder.engine.observed import TrialView


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3, 4, 5], [10, 20, 30, 40, 50], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], [7, 27, 2, 50, 28, 29, 20, 12, 6, 17], -29 / 165),
        ([1, 1, 2], [1, 2, 2], 0.5),
    ],
)
def test_spearmans_correlation(first: list[float], second: list[float], expected: float) -> None:
    """The third is the textbook's IQ against hours of television (-29/165). Catches values in place of ranks, and
    ties that are broken by their order."""
    assert spearman(first, second) == pytest.approx(expected)


@pytest.mark.parametrize(("first", "second"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3])])
def test_too_little_says_nothing(first: list[float], second: list[float]) -> None:
    assert spearman(first, second) is None


def steady(trial: TrialView, step: int) -> float:
    """Ranked by configuration at all steps; in the round of the large model, the other way round."""
    quality = trial.configuration / 100
    return (1 - quality if trial.round == "large" else quality) + 1 / step


def test_rungs_and_linked_rounds_are_compared() -> None:
    """27 trials, 9 and 3 of which climb; 4 go on to the large model. Catches pairs of different configurations."""
    small = {
        "name": "small",
        "trials": 27,
        "maxSteps": 27,
        "pruner": {"algorithm": "SuccessiveHalving", "minSteps": 1, "reductionFactor": 3},
    }
    large = {"name": "large", "from": {"round": "small", "best": 4}, "maxSteps": 27}
    simulator = Simulator(study(small, large), steady)
    simulator.run()
    found = agreements(simulator.spec, simulator.observe().trials)
    assert [(a.low, a.high, a.pairs) for a in found] == [
        ("small at 1 steps", "3 steps", 9),
        ("small at 3 steps", "9 steps", 3),
        ("round small", "round large", 4),
    ]
    # Of the four, the last got only as far as 9 steps: it ranks last whatever its value was.
    assert [a.spearman for a in found] == pytest.approx([1, 1, -1])


def test_what_was_pruned_is_ranked_behind_what_went_on() -> None:
    """The dear round keeps the two that the cheap one ranked first, and prunes the others. Catches values at different
    steps in one ranking: these curves rise, so that the best two have the highest values."""
    cheap = {"name": "cheap", "trials": 9, "maxSteps": 9}
    pruner = {"algorithm": "SuccessiveHalving", "minSteps": 9, "reductionFactor": 3}
    dear = {"name": "dear", "from": {"round": "cheap", "best": 6}, "maxSteps": 27, "pruner": pruner}

    def rises(trial: TrialView, step: int) -> float:
        return trial.configuration / 100 + step / 10  # later values are worse, and their order is the same

    simulator = Simulator(study(cheap, dear), rises)
    simulator.run()
    [between] = agreements(simulator.spec, simulator.observe().trials)
    assert (between.low, between.high, between.pairs, between.spearman) == ("round cheap", "round dear", 6, 1)
