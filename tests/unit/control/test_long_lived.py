"""When the garbage collector is told to leave alone what stays."""

import gc
from collections.abc import Iterator

import pytest

from stepladder.control.long_lived import FEW, LongLived


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Other tests' garbage is to be collected."""
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_few_objects_are_left_to_the_collector() -> None:
    LongLived().settle(FEW - 1)
    assert gc.get_freeze_count() == 0


def test_what_stays_is_frozen_when_it_has_doubled() -> None:
    """Catches a freeze at every list, by which garbage that is in cycles just then would add up for ever."""
    objects = LongLived()
    objects.settle(FEW)
    frozen = gc.get_freeze_count()
    assert frozen > 0
    gc.unfreeze()
    objects.settle(2 * FEW - 1)
    assert gc.get_freeze_count() == 0
    objects.settle(2 * FEW)
    assert gc.get_freeze_count() > 0
