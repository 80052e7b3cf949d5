"""The part of the data that a step draws from: a pure function of the step, and of the seed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepladder_trainer.contract import read
from stepladder_trainer.data import DataOrder, GrowingData
from stepladder_trainer.hyperparameters import read as hyperparameters
from stepladder_trainer.outcomes import ConfigurationError


def document(**fields: object) -> dict[str, str]:
    base = {"parameters": {}, "seed": 3, "targetSteps": 9, "objective": {"metric": "e", "direction": "Minimize"}}
    return {"STEPLADDER_TRIAL": json.dumps(base | fields)}


def test_a_step_draws_from_the_part_of_the_lowest_rung_above_it() -> None:
    found = read(document(dataFractions=[[3, 0.25], [9, 1.0]]))
    assert found is not None
    assert [found.data_fraction(step) for step in (1, 3, 4, 9, 10)] == [0.25, 0.25, 1.0, 1.0, 1.0]
    plain = read(document())
    assert plain is not None
    assert plain.data_fraction(1) == 1
    assert plain.identity != found.identity, "a checkpoint of one is none of the other"


@pytest.mark.parametrize("wrong", [[[3, 0]], [[3, 1.5]], [[9, 0.5], [3, 1.0]], [[0, 0.5]], "all", [3], [["soon", 1]]])
def test_a_wrong_list_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="dataFractions"):
        read(document(dataFractions=wrong))


@given(st.integers(20, 90), st.integers(1, 20), st.integers(0, 99), st.floats(0.3, 1.0))
@pytest.mark.long
def test_parts_grow_and_hold_one_another(examples: int, batch: int, seed: int, whole: float) -> None:
    """Each rung sees every example of its part equally often, and all that the rung below has seen. Catches a part
    that is drawn anew at each rung, whose rungs would not compare."""
    data = GrowingData(examples, batch, seed, ((90, 1 / 9), (270, 1 / 3), (810, 1.0)), whole)
    bounds = [(1, 90), (91, 270), (271, 810)]
    seen = [{int(i) for step in range(low, high + 1) for i in data.batch(step)} for low, high in bounds]
    sizes = [max(batch, round(whole * fraction * examples)) for fraction in (1 / 9, 1 / 3, 1.0)]
    assert [len(part) for part in seen] == [min(size, batch * n) for size, n in zip(sizes, (90, 180, 540), strict=True)]
    assert seen[0] <= seen[1] <= seen[2]


@given(st.integers(20, 90), st.integers(1, 20), st.integers(0, 99), st.integers(1, 200))
def test_without_fractions_nothing_changes(examples: int, batch: int, seed: int, step: int) -> None:
    """Runs from before have the same batches. Catches a shuffle of the shuffle."""
    assert (
        GrowingData(examples, batch, seed).batch(step).tolist() == DataOrder(examples, batch, seed).batch(step).tolist()
    )


def test_a_round_may_fix_the_part_of_the_data() -> None:
    assert hyperparameters({"data_fraction": 0.1}, {}).data.data_fraction == 0.1
    for wrong in (0, 1.5, "all"):
        with pytest.raises(ConfigurationError, match="data_fraction"):
            hyperparameters({"data_fraction": wrong}, {})
