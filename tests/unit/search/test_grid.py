"""Grids: every cell once, in an order that can be cut short."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from contract.histories import SPACE, history, parameters
from stepladder.api.samplers import GridSettings
from stepladder.api.study import Sampler, SamplerAlgorithm
from stepladder.engine.grid import Cells, cells
from stepladder.search.axis import Axis
from stepladder.search.places import values_on
from stepladder.search.record import OptunaRecord
from stepladder.search.samplers.grid import scattered
from stepladder.search.storage import IN_MEMORY

SMALL = parameters(
    {"name": "optimizer", "categorical": {"values": ["sgd", "adam"]}},
    {"name": "momentum", "float": {"min": 0, "max": 1}, "when": {"parameter": "optimizer", "in": ["sgd"]}},
    {"name": "nesterov", "categorical": {"values": [True, False]}, "when": {"parameter": "optimizer", "in": ["sgd"]}},
    {"name": "layers", "int": {"min": 1, "max": 2}},
    {"name": "width", "role": "Fixed", "value": 64},
)


def grid(points: int) -> Sampler:
    return Sampler(algorithm=SamplerAlgorithm.GRID, grid=GridSettings(points=points))


def propose(record: OptunaRecord, index: int) -> dict[str, Any]:
    return record.propose(replace(history(space=SMALL), sampler=grid(3)), index)


def test_each_cell_comes_once_though_asked_in_parallel_and_none_is_told_apart_by_what_is_inactive() -> None:
    """(3 momenta x 2 nesterovs for sgd + 1 for adam) x 2 layers; none of these trials ends before the next is asked."""
    record = OptunaRecord(IN_MEMORY)
    seen = [tuple(sorted(propose(record, index).items())) for index in range(14)]
    assert cells(SMALL, 3) == len(set(seen)) == 14
    assert Counter(dict(cell)["optimizer"] for cell in seen) == {"sgd": 12, "adam": 2}
    assert {dict(cell).get("momentum") for cell in seen} == {0.0, 0.5, 1.0, None}
    assert propose(record, 14)  # after the last cell: no error


def test_cells_are_counted_and_found_without_being_listed() -> None:
    wide = parameters(*({"name": f"p{i}", "float": {"min": 0, "max": 1}} for i in range(20)))
    values = {p.name: tuple(range(1000)) for p in wide}
    found = Cells(wide, values)
    assert found.size == cells(wide, 1000) == 10**60
    assert list(found[10**60 - 1].values()) == [999] * 20


def test_every_cell_of_a_conditional_space_is_one_that_the_space_could_propose() -> None:
    # nesterov exists beside momentum 0.9 only: (1 + 9 + 2) x 5 x ... as counted by hand
    values = {p.name: values_on(Axis(p), n) for p, n in zip(SPACE, (2, 2, 0, 5, 5, 10, 5, 4), strict=True) if n}
    found = Cells(SPACE, values)
    assert found.size == (5 + 9 + 2) * 5 * 5 * 4 == 1600
    assert len({str(sorted(found[i].items())) for i in range(found.size)}) == 1600


@pytest.mark.parametrize("sides", [(5, 5), (7, 9), (3, 4, 5), (10, 10), (1,), (2,), (2, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_grid_cut_short_has_tried_every_value_about_as_often(sides: tuple[int, ...], seed: int) -> None:
    """Row by row, the first of ten values of the first parameter would be ahead by nine."""
    size = 1
    for side in sides:
        size *= side
    order = [scattered(i, size, seed) for i in range(size)]
    assert sorted(order) == list(range(size))
    block = size
    for side in sides:
        block //= side
        counts = [0] * side
        for cut, cell in enumerate(order, 1):
            counts[cell // block % side] += 1
            assert max(abs(count - cut / side) for count in counts) < 2


@pytest.mark.parametrize(
    ("spec", "count", "expected"),
    [
        ({"float": {"min": 0, "max": 1}}, 3, [0, 0.5, 1]),
        ({"float": {"min": 1e-4, "max": 1, "scale": "Log"}}, 5, [1e-4, 1e-3, 1e-2, 1e-1, 1]),
        ({"float": {"min": 0.9, "max": 0.999, "scale": "LogOneMinus"}}, 3, [0.9, 0.99, 0.999]),
        ({"float": {"min": 0, "max": 0.3, "step": 0.1}}, 4, [0, 0.1, 0.2, 0.3]),
        ({"int": {"min": 1, "max": 10, "scale": "Log"}}, 8, [1, 2, 3, 4, 5, 6, 7, 10]),
        ({"int": {"min": 2, "max": 10}}, 3, [2, 6, 10]),
        ({"normal": {"mean": 0, "standardDeviation": 1}}, 2, [-0.6744, 0.6744]),  # its quartiles
        ({"categorical": {"values": ["b", "a"]}}, 2, ["b", "a"]),
    ],
)
def test_values_lie_at_even_places_of_the_scale_with_both_ends(
    spec: dict[str, Any], count: int, expected: list[Any]
) -> None:
    on = Axis(parameters({"name": "p", **spec})[0])
    found = values_on(on, count)
    assert list(found) == (expected if isinstance(expected[0], str) else pytest.approx(expected, rel=1e-4))
    assert all(on.recorded(value) == value for value in found)


@pytest.mark.parametrize("high", [2, 3, 9, 10, 100])
def test_small_whole_numbers_on_a_log_scale_are_not_tried_twice(high: int) -> None:
    on = Axis(parameters({"name": "p", "int": {"min": 1, "max": high, "scale": "Log"}})[0])
    for count in range(1, min(high, 12) + 1):
        found = values_on(on, count)
        assert len(set(found)) == count
        assert list(found) == sorted(found, key=float)
        assert count == 1 or (found[0], found[-1]) == (1, high)
