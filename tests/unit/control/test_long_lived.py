"""When the garbage collector is told to leave alone what stays."""

import gc
from collections.abc import Iterator

import pytest

from stepladder.control import long_lived
from stepladder.control.long_lived import LongLived


@pytest.fixture(autouse=True)
def thawed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Other tests' garbage is to be collected, and what is there already is many."""
    gc.unfreeze()
    gc.collect()
    monkeypatch.setattr(long_lived, "FEW", len(gc.get_objects()) // 2)
    yield
    gc.unfreeze()


def test_few_objects_are_left_to_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_lived, "FEW", 10 * len(gc.get_objects()))
    LongLived().settle()
    assert gc.get_freeze_count() == 0


def test_what_has_grown_old_is_frozen_once_and_not_again_until_there_is_half_as_much_more() -> None:
    """Catches a freeze at every call, by which garbage that is in cycles just then would add up for ever."""
    objects = LongLived()
    objects.settle()
    frozen = gc.get_freeze_count()
    assert frozen > 0
    more = [[number] for number in range(frozen // 4)]
    gc.collect()
    objects.settle()
    assert gc.get_freeze_count() <= frozen
    more += [[number] for number in range(frozen // 2)]
    gc.collect()
    objects.settle()
    assert gc.get_freeze_count() > frozen
