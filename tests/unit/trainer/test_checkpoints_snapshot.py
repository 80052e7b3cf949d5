"""Snapshots: training may change everything the moment after."""

import errno
import io
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from stepladder_trainer.checkpoints import Copies, Snapshot, archive
from trainer.runs import assert_same


def test_what_training_does_next_does_not_reach_the_snapshot() -> None:
    """Neither what it changes in place, as optimizers do with their own state, nor what it puts elsewhere."""
    model = nn.Linear(3, 2)
    moments, groups = torch.ones(3, 2), [{"lr": 0.1, "params": [0, 1]}]
    state = {"model": model.state_dict(), "optimizer": {"state": {0: {"moment": moments}}, "param_groups": groups}}
    taken = Copies().of(state)
    before = Copies().of(taken)
    assert_same(taken, state)
    with torch.no_grad():
        for tensor in (*model.parameters(), moments):
            tensor.add_(1)
    groups[0]["lr"] = 0.2
    assert_same(taken, before)
    assert not torch.equal(taken["model"]["weight"], model.weight)
    assert not taken["model"]["weight"].requires_grad


def test_a_snapshot_is_what_was_there_bit_for_bit() -> None:
    state: dict[str, Any] = {
        "weights": torch.tensor([-0.0, float("nan"), 1e-45]),
        "half": torch.randn(3).to(torch.bfloat16),
        "strided": torch.arange(6).reshape(2, 3).t(),
        "nested": [(1, 2.5, None, "x"), {3: torch.empty(0)}],
    }
    taken = Copies().of(state)
    assert taken["weights"].view(torch.int32).tolist() == state["weights"].view(torch.int32).tolist()
    assert taken["strided"].stride() == state["strided"].stride()
    del taken["weights"], state["weights"]
    assert_same(taken, state)


def test_tied_weights_are_copied_once_and_views_alone() -> None:
    """Else a checkpoint would hold an embedding twice, or all of a buffer of which the state is a small part."""
    tied, buffer = torch.randn(1000), torch.randn(100_000)
    taken = Copies().of({"in": tied, "out": tied.detach(), "part": buffer[:10]})
    assert taken["in"] is taken["out"]
    assert taken["part"].untyped_storage().nbytes() == 40


def test_a_copy_that_is_given_back_is_used_again_and_no_other() -> None:
    """Else a checkpoint of 70 MB costs 65 ms of page faults, and not 10."""
    copies, weights = Copies(), torch.zeros(3, 4)
    first = copies.of({"weights": weights, "count": torch.zeros(2)})
    second = copies.of({"weights": weights})
    copies.give_back(first)
    weights += 1
    third = copies.of({"weights": weights.t(), "other": weights, "step": torch.ones(2, dtype=torch.int64)})
    assert third["other"].data_ptr() == first["weights"].data_ptr()  # of that shape and type; others are new
    assert third["weights"].tolist() == torch.ones(4, 3).tolist()
    assert third["other"].tolist() == torch.ones(3, 4).tolist()
    assert second["weights"].tolist() == torch.zeros(3, 4).tolist()


def test_no_more_copies_are_held_than_are_in_use_at_once() -> None:
    """Two: training that is slower than its storage gives back more than it takes."""
    copies = Copies()
    given = [copies.of({"w": torch.zeros(5)}) for _ in range(4)]
    places = [item["w"].data_ptr() for item in given]
    for item in given:
        copies.give_back(item)
    taken = [copies.of({"w": torch.zeros(5)}) for _ in range(3)]
    assert [item["w"].data_ptr() in places for item in taken[:2]] == [True, True]
    assert taken[2]["w"].data_ptr() not in places[2:]


def test_a_module_s_metadata_survives() -> None:
    """Modules read their state's version there when they load it."""
    state = nn.BatchNorm1d(2).state_dict()
    taken = Copies().of(state)
    assert type(taken) is OrderedDict
    assert getattr(taken, "_metadata") == getattr(state, "_metadata")  # noqa: B009  no attribute that mypy knows


def test_another_object_is_copied_too() -> None:
    """It is refused when the checkpoint is read; until then it must not change."""
    given = {"of": {1, 2}}
    taken = Copies().of(given)
    given["of"].add(3)
    assert taken == {"of": {1, 2}}


@pytest.mark.parametrize(
    ("pinned", "best", "superseded"), [(True, [], False), (False, [30], False), (False, [10], True), (False, [], True)]
)
def test_only_what_need_not_be_kept_gives_way(pinned: bool, best: list[int], superseded: bool) -> None:
    assert Snapshot(30, {}, pinned=pinned).superseded_by(best) is superseded


def test_a_content_of_any_size_has_its_digest_checked() -> None:
    """A file shorter than a digest is damaged, and no crash."""
    with pytest.raises(archive.DamagedError):
        archive.load(b"short")


class FullAfter(io.BytesIO):
    """A disk with room for so many writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.left = writes

    def write(self, data: Any) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_wherever_the_disk_is_full_it_says_so() -> None:
    """PyTorch's writer reports an "unexpected pos" for half of the places."""
    content = {"weights": torch.zeros(100)}
    room = FullAfter(1000)
    archive.dump(content, room)
    writes = 1000 - room.left
    assert writes > 10
    for enough in range(writes):
        with pytest.raises(OSError, match="No space left"):
            archive.dump(content, FullAfter(enough))
