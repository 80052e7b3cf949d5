import errno
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepladder_trainer import randomness
from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.outcomes import ConfigurationError, StorageError


def content(step: int) -> dict[str, Any]:
    return {"parts": {"model": {"weight": torch.arange(6.0) + step}}, "evaluations": [(step, {"error": 0.5})]}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    result = Checkpoints(tmp_path / "vision" / "digits" / "digits-0")
    result.prepare()
    return result


def newest_step(checkpoints: Checkpoints) -> int | None:
    found = checkpoints.newest()
    return found[0] if found else None


def test_what_is_saved_is_what_is_found(checkpoints: Checkpoints) -> None:
    assert checkpoints.newest() is None
    path = checkpoints.save(30, content(30), best=30)
    assert path.name == "step-00000030.pt"
    found = checkpoints.newest()
    assert found is not None
    assert found[0] == 30
    assert torch.equal(found[1]["parts"]["model"]["weight"], content(30)["parts"]["model"]["weight"])
    assert found[1]["evaluations"] == [(30, {"error": 0.5})]


def test_the_newest_two_and_the_best_are_kept(checkpoints: Checkpoints) -> None:
    for step in (10, 20, 30, 40):
        checkpoints.save(step, content(step), best=10)
    assert checkpoints.steps() == [40, 30, 10]
    checkpoints.save(50, content(50), best=50)
    assert checkpoints.steps() == [50, 40]


def test_steps_are_ordered_as_numbers(checkpoints: Checkpoints) -> None:
    """As text, nine digits would sort before eight nines."""
    for step in (99_999_999, 100_000_000):
        checkpoints.save(step, content(step), best=None)
    assert newest_step(checkpoints) == 100_000_000


def test_a_damaged_checkpoint_is_skipped_to_the_one_before(
    checkpoints: Checkpoints, caplog: pytest.LogCaptureFixture
) -> None:
    for step in (10, 20):
        checkpoints.save(step, content(step), best=None)
    whole = checkpoints.path(20).read_bytes()
    checkpoints.path(20).write_bytes(whole[: len(whole) // 2])
    assert newest_step(checkpoints) == 10
    assert "step-00000020.pt" in caplog.text
    checkpoints.path(10).write_bytes(b"")
    assert newest_step(checkpoints) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_no_flipped_bit_and_no_missing_byte_goes_unnoticed(
    checkpoints: Checkpoints, position: float, flip: int, *, cut: bool
) -> None:
    """PyTorch alone loads a file with a flipped bit in a tensor without a word."""
    checkpoints.save(20, content(20), best=None)
    data = bytearray(checkpoints.path(20).read_bytes())
    at = int(position * len(data))
    if cut:
        del data[at:]
    else:
        data[at] ^= flip
    checkpoints.path(20).write_bytes(data)
    assert checkpoints.newest() is None


def test_a_file_is_synced_before_it_gets_its_name_and_the_directory_after(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another order a power cut could leave the name on an empty file, or no file at all."""
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(descriptor: int) -> None:
        kind = "directory" if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir() else "file"
        events.append(f"sync {kind}")
        fsync(descriptor)

    def recorded_replace(path: Path, target: Path) -> Path:
        events.append(f"rename to {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    checkpoints.save(30, content(30), best=None)
    assert events == ["sync file", "rename to step-00000030.pt", "sync directory"]


def test_a_full_disk_leaves_the_older_checkpoints_and_no_litter(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (10, 20):
        checkpoints.save(step, content(step), best=None)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        checkpoints.save(30, content(30), best=None)
    assert sorted(path.name for path in checkpoints.directory.iterdir()) == ["step-00000010.pt", "step-00000020.pt"]


def test_pytorch_alone_can_read_a_checkpoint(checkpoints: Checkpoints) -> None:
    """People open them in notebooks."""
    path = checkpoints.save(30, content(30), best=None)
    assert torch.load(path, weights_only=True)["evaluations"] == [(30, {"error": 0.5})]


def test_what_a_killed_predecessor_left_is_swept_away(checkpoints: Checkpoints) -> None:
    leftover = checkpoints.directory / "step-00000040.pt.tmp"
    leftover.write_bytes(b"half")
    checkpoints.prepare()
    assert not leftover.exists()
    assert newest_step(checkpoints) is None


def test_an_unusable_directory_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        Checkpoints(tmp_path / "file" / "trial").prepare()


def test_a_whole_checkpoint_that_holds_objects_is_refused_and_not_skipped(checkpoints: Checkpoints) -> None:
    """Skipping it would silently train everything again."""
    checkpoints.save(30, {"parts": {"model": {"path": Path("x")}}}, best=None)
    with pytest.raises(ConfigurationError, match="plain"):
        checkpoints.newest()


def test_global_random_states_survive_a_checkpoint(checkpoints: Checkpoints) -> None:
    checkpoints.save(1, {"random": randomness.global_states()}, best=None)
    expected = (random.random(), float(np.random.rand()), torch.rand(3).tolist())
    found = checkpoints.newest()
    assert found is not None
    randomness.set_global_states(found[1]["random"])
    assert (random.random(), float(np.random.rand()), torch.rand(3).tolist()) == expected


def test_seeds_for_different_purposes_differ_and_stay_as_they_are() -> None:
    """The value is pinned: a change would make every old trial impossible to repeat."""
    seeds = {randomness.derive(seed, purpose, 1) for seed in (0, 1) for purpose in ("data", "dropout")}
    assert len(seeds) == 4
    assert randomness.derive(0, "data", 1) == 6165688211217004550
