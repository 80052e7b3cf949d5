"""What a probe can be told, and what is refused."""

import re

import pytest

from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.probes.options import (
    Ensemble,
    Instability,
    LearningRateRange,
    StepBudget,
    Throughput,
    Warmup,
    read,
)


def test_the_operators_documents_are_read() -> None:
    """As the operator writes them, defaults spelled out."""
    assert read(
        {"type": "LearningRateRange", "minLearningRate": 1e-5, "maxLearningRate": 1, "ramp": "Linear"}
    ) == LearningRateRange(1e-5, 1.0, "Linear")
    assert read({"type": "Throughput", "minBatchSize": 8, "maxBatchSize": None, "stepsPerBatchSize": 5}) == Throughput(
        8, None, 5
    )
    assert read({"type": "Instability", "factors": [2, 5.5]}) == Instability((2.0, 5.5))
    assert read({"type": "Warmup", "learningRateFactor": 100, "warmupSteps": [10, 100]}) == Warmup(100.0, (10, 100))
    assert read({"type": "StepBudget", "learningRates": [0.1]}) == StepBudget((0.1,))
    assert read({"type": "Ensemble", "members": 3}) == Ensemble(3)


@pytest.mark.parametrize("kind", ["LearningRateRange", "Throughput", "Instability", "Warmup", "StepBudget", "Ensemble"])
def test_every_probe_has_defaults(kind: str) -> None:
    assert type(read({"type": kind})).__name__ == kind


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"type": "Magic"}, "there is no probe 'Magic'"),
        ({}, "there is no probe None"),
        ({"type": "Throughput", "factors": [2]}, "has no option factors: it knows minBatchSize"),
        ({"type": "LearningRateRange", "minLearningRate": 1, "maxLearningRate": 0.1}, "minLearningRate must be below"),
        ({"type": "LearningRateRange", "minLearningRate": 0}, "minLearningRate must be above 0"),
        ({"type": "LearningRateRange", "ramp": "Steep"}, "ramp must be Exponential or Linear"),
        ({"type": "LearningRateRange", "minLearningRate": "1e-7x"}, "minLearningRate must hold numbers"),
        ({"type": "Throughput", "minBatchSize": 2.5}, "minBatchSize must hold whole numbers"),
        ({"type": "Throughput", "minBatchSize": 16, "maxBatchSize": 8}, "must not exceed maxBatchSize"),
        ({"type": "Throughput", "stepsPerBatchSize": 0}, "stepsPerBatchSize must be at least 1"),
        ({"type": "Instability", "factors": []}, "factors must be numbers above 0"),
        ({"type": "Instability", "factors": 2}, "factors must be a list"),
        ({"type": "Instability", "factors": [True]}, "factors must hold numbers"),
        ({"type": "Warmup", "warmupSteps": [0]}, "warmupSteps must be at least 1"),
        ({"type": "StepBudget", "learningRates": [-1]}, "learningRates must be numbers above 0"),
        ({"type": "StepBudget", "learningRates": [1], "count": 3}, "exclude each other: give the list, or the grid"),
        ({"type": "StepBudget", "minLearningRate": 2}, "minLearningRate (2) must be below maxLearningRate (1)"),
        ({"type": "StepBudget", "minLearningRate": 0}, "minLearningRate must be above 0"),
        ({"type": "StepBudget", "count": 1}, "count must be from 2 to 64"),
        ({"type": "StepBudget", "count": 2.5}, "count must hold whole numbers"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_name(document: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        read(document)


def test_warmups_are_powers_of_ten_up_to_a_tenth_of_the_steps() -> None:
    assert Warmup().lengths(10_000) == (10, 100, 1000)
    assert Warmup().lengths(9_999) == (10, 100)
    assert Warmup().lengths(50) == (5,)
    assert Warmup().lengths(3) == (1,)
    assert Warmup(warmup_steps=(100, 10, 10)).lengths(500) == (10, 100)


def test_a_grid_of_rates_is_that_of_the_study() -> None:
    """As `stepBudget` in a manifest has it, whose options are taken by hand too."""
    grid = {"type": "StepBudget", "minLearningRate": 0.003, "maxLearningRate": 0.3, "count": 3}
    assert read(grid) == StepBudget((), 0.003, 0.3, 3)
    assert StepBudget((), 0.003, 0.3, 3).rates == (0.003, 0.03, 0.3)
    assert StepBudget().rates == (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    assert StepBudget((0.5, 0.1)).rates == (0.5, 0.1)


def test_a_warmup_beyond_the_training_is_refused() -> None:
    """It ran silently, for three times its length."""
    assert Warmup(warmup_steps=(10, 50)).lengths(50) == (10, 50)
    with pytest.raises(ConfigurationError, match="warmupSteps 51 is beyond the 50 steps of training: lower it"):
        Warmup(warmup_steps=(10, 51)).lengths(50)
