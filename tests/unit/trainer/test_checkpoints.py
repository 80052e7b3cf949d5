"""The checkpoints of a trial in a directory: whole, or skipped to the one before."""

import errno
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepladder_trainer import randomness
from stepladder_trainer.checkpoints import Checkpoints, Snapshot
from stepladder_trainer.outcomes import ConfigurationError, StorageError


def content(step: int) -> dict[str, Any]:
    return {"parts": {"model": {"weight": torch.arange(6.0) + step}}, "evaluations": [(step, {"error": 0.5})]}


def save(
    checkpoints: Checkpoints, step: int, *, best: int | None = None, holding: dict[str, Any] | None = None
) -> Path:
    ranking = [] if best is None else [best]
    checkpoints.save(Snapshot(step, {"evaluations": [], **(holding or content(step))}, ranking, keep_best=1))
    return Path(checkpoints.path(step))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "vision" / "digits" / "digits-0"


@pytest.fixture
def checkpoints(directory: Path) -> Checkpoints:
    result = Checkpoints(directory)
    result.prepare()
    return result


def newest_step(checkpoints: Checkpoints) -> int | None:
    found = checkpoints.newest()
    return found[0] if found else None


def test_what_is_saved_is_what_is_found(checkpoints: Checkpoints) -> None:
    assert checkpoints.newest() is None
    path = save(checkpoints, 30)
    assert path.name == "step-00000030.pt"
    found = checkpoints.newest()
    assert found is not None
    assert found[0] == 30
    assert torch.equal(found[1]["parts"]["model"]["weight"], content(30)["parts"]["model"]["weight"])
    assert found[1]["evaluations"] == [(30, {"error": 0.5})]


def test_the_newest_two_and_the_best_are_kept(checkpoints: Checkpoints) -> None:
    for step in (10, 20, 30, 40):
        save(checkpoints, step, best=10)
    assert checkpoints.steps() == [40, 30, 10]
    assert [checkpoints.has(step) for step in (10, 20, 30)] == [True, False, True]
    save(checkpoints, 50, best=50)
    assert checkpoints.steps() == [50, 40]
    assert not checkpoints.has(10)


def test_a_url_of_files_is_their_directory(directory: Path) -> None:
    checkpoints = Checkpoints(f"file://{directory}")
    checkpoints.prepare()
    assert save(checkpoints, 5) == directory / "step-00000005.pt"
    assert newest_step(Checkpoints(directory)) == 5


def test_steps_are_ordered_as_numbers(checkpoints: Checkpoints) -> None:
    """As text, nine digits would sort before eight nines."""
    for step in (99_999_999, 100_000_000):
        save(checkpoints, step)
    assert newest_step(checkpoints) == 100_000_000


def test_a_damaged_checkpoint_is_skipped_to_the_one_before(
    checkpoints: Checkpoints, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = save(checkpoints, 10), save(checkpoints, 20)
    whole = second.read_bytes()
    second.write_bytes(whole[: len(whole) // 2])
    assert newest_step(checkpoints) == 10
    assert "step-00000020.pt" in caplog.text
    assert not checkpoints.has(20)  # the operator must not be told of it
    first.write_bytes(b"")
    assert newest_step(checkpoints) is None


def test_a_damaged_checkpoint_is_not_one_of_the_two_that_are_kept(checkpoints: Checkpoints) -> None:
    """Else training that was resumed before it would stand on one file alone."""
    for step in (10, 20):
        save(checkpoints, step)
    Path(checkpoints.path(20)).write_bytes(b"cut")
    assert newest_step(checkpoints) == 10
    save(checkpoints, 15)
    assert checkpoints.steps() == [15, 10]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
@pytest.mark.long
def test_no_flipped_bit_and_no_missing_byte_goes_unnoticed(
    checkpoints: Checkpoints, position: float, flip: int, *, cut: bool
) -> None:
    """PyTorch alone loads a file with a flipped bit in a tensor without a word."""
    path = save(checkpoints, 20)
    data = bytearray(path.read_bytes())
    at = int(position * len(data))
    if cut:
        del data[at:]
    else:
        data[at] ^= flip
    path.write_bytes(data)
    assert checkpoints.newest() is None


def on_each_event(patch: pytest.MonkeyPatch, happened: Callable[[str], None]) -> None:
    """Call `happened` before each call by which a file becomes durable or disappears."""
    fsync, replace, unlink = os.fsync, Path.replace, Path.unlink

    def watched_fsync(descriptor: int) -> None:
        kind = "directory" if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir() else "file"
        happened(f"sync {kind}")
        fsync(descriptor)

    def watched_replace(path: Path, target: Path) -> Path:
        happened(f"rename to {target.name}")
        return replace(path, target)

    def watched_unlink(path: Path, missing_ok: bool = False) -> None:
        happened(f"remove {path.name}")
        unlink(path, missing_ok=missing_ok)

    patch.setattr(os, "fsync", watched_fsync)
    patch.setattr(Path, "replace", watched_replace)
    patch.setattr(Path, "unlink", watched_unlink)


def test_a_file_is_synced_before_it_gets_its_name_and_old_ones_go_last(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another order a power cut could leave the name on an empty file, or no file at all."""
    for step in (10, 20):
        save(checkpoints, step)
    events: list[str] = []
    on_each_event(monkeypatch, events.append)
    save(checkpoints, 30)
    assert events == ["sync file", "rename to step-00000030.pt", "sync directory", "remove step-00000010.pt"]


@pytest.mark.parametrize("at", range(5))
def test_killed_before_any_of_these_events_a_process_leaves_whole_checkpoints(
    checkpoints: Checkpoints, directory: Path, at: int
) -> None:
    for step in (10, 20):
        save(checkpoints, step)
    child = os.fork()
    if child == 0:
        left = iter(range(at))
        patch = pytest.MonkeyPatch()
        on_each_event(patch, lambda _: None if next(left, None) is not None else os.kill(os.getpid(), signal.SIGKILL))
        try:
            save(checkpoints, 30)
        finally:
            os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert killed == (at < 4)
    found = Checkpoints(directory)
    found.prepare()
    assert newest_step(found) == (30 if at >= 2 else 20)
    assert all(path.suffix == ".pt" for path in directory.iterdir())
    for path in directory.iterdir():
        torch.load(path, weights_only=True)


def test_a_full_disk_leaves_the_older_checkpoints_and_no_litter(
    checkpoints: Checkpoints, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (10, 20):
        save(checkpoints, step)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device; free space"):
        save(checkpoints, 30)
    assert sorted(path.name for path in directory.iterdir()) == ["step-00000010.pt", "step-00000020.pt"]


def test_a_disk_that_fills_up_while_tensors_are_written_says_so(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/full is really full."""
    monkeypatch.setattr(Path, "open", lambda path, mode: open("/dev/full", mode))  # noqa: PTH123, SIM115  Path.open is this
    with pytest.raises(StorageError, match="No space left on device; free space"):
        save(checkpoints, 30, holding={"parts": {"model": torch.zeros(100_000)}})


@pytest.mark.parametrize(("number", "advice"), [(errno.EROFS, "mount the volume writable"), (errno.EACCES, "fsGroup")])
def test_a_directory_that_cannot_be_written_says_what_to_do(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StorageError, match=advice):
        save(checkpoints, 30)


def test_pytorch_alone_can_read_a_checkpoint(checkpoints: Checkpoints) -> None:
    """People open them in notebooks."""
    assert torch.load(save(checkpoints, 30), weights_only=True)["evaluations"] == [(30, {"error": 0.5})]


def test_what_a_killed_predecessor_left_is_swept_away(checkpoints: Checkpoints, directory: Path) -> None:
    leftover = directory / "step-00000040.pt.tmp"
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
    save(checkpoints, 30, holding={"parts": {"model": {"path": Path("x")}}})
    with pytest.raises(ConfigurationError, match="plain"):
        checkpoints.newest()


def test_global_random_states_survive_a_checkpoint(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1, holding={"random": randomness.global_states()})
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


def test_another_process_that_writes_there_is_said_to(checkpoints: Checkpoints, directory: Path) -> None:
    """Each would drop what the other goes on from; it was found out by a file that is not there, if at all."""
    other = Checkpoints(directory)
    for process in (checkpoints, other):
        process.prepare()
        process.newest()
    save(other, 20)
    with pytest.raises(StorageError, match=r"another process writes to .* where step-00000020.pt has appeared: end it"):
        save(checkpoints, 10)


def test_a_file_that_another_process_has_swept_away_is_said_to_be_taken(
    checkpoints: Checkpoints, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What begins sweeps what it takes for a killed predecessor's. The volume, which was blamed, is fine."""
    real = os.fsync

    def swept(descriptor: int) -> None:
        real(descriptor)
        Checkpoints(directory).prepare()

    checkpoints.prepare()
    monkeypatch.setattr(os, "fsync", swept)
    with pytest.raises(StorageError, match=r"another process writes to .* where step-00000010.pt.tmp was taken away"):
        save(checkpoints, 10)


def test_a_directory_that_is_gone_is_said_to_be(checkpoints: Checkpoints, directory: Path) -> None:
    checkpoints.prepare()
    directory.rmdir()
    with pytest.raises(StorageError, match="is not there: check its path"):
        save(checkpoints, 10)


def test_a_file_in_the_place_of_a_directory_is_said_to_be_one(directory: Path) -> None:
    directory.parent.mkdir(parents=True)
    directory.touch()
    with pytest.raises(StorageError, match="name a directory, where this is a file"):
        Checkpoints(directory).prepare()
