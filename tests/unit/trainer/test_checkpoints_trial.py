"""A trial and its storage: what ends it, what it leaves behind, in a directory and in a bucket."""

import errno
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from stepladder_trainer import sdk
from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.checkpoints.bucket import Bucket
from stepladder_trainer.cli import main
from trainer.conftest import Home
from trainer.test_sdk import Counter, run

Start = Callable[..., Home]


def train(*, keep_best: int = 3) -> list[int]:
    """Somebody's loop whose error rises by one with every step; returns the steps it took."""
    seen = []
    with sdk.trial(keep_best=keep_best) as trial:
        for step in trial.steps(counter=Counter()):
            seen.append(step)
            trial.report(step, validation_error=step)
    return seen


@pytest.fixture
def bucket() -> str:
    """A place of its own in the memory of this process."""
    fsspec.filesystem("memory").store.clear()
    return "memory://models/tuning/digits-0"


def full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_checkpoint_that_cannot_be_written_ends_the_trial_at_its_next_step(
    operator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training on without storage would lose all of it."""
    home = operator(targetSteps=1000, horizonSteps=1000, evaluationSteps=[1])
    monkeypatch.setattr(os, "fsync", full)
    taken: list[int] = []

    def loop() -> None:
        with sdk.trial() as trial:
            for step in trial.steps(counter=Counter()):
                taken.append(step)
                if step == 2:  # the rung was handed over before; let its write have failed
                    writer_is_done()

    with pytest.raises(SystemExit) as exit_:
        loop()
    assert taken == [1, 2]
    assert exit_.value.code == 74
    message = home.termination()
    assert message["reason"] == "StorageError"
    assert "No space left on device; free space" in message["message"]
    assert message["checkpoint"] is None


def writer_is_done() -> None:
    for thread in threading.enumerate():
        if thread.name == "checkpoints":
            thread.join(60)


def test_a_last_checkpoint_that_cannot_be_written_is_no_success(
    operator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the target is reached: what the operator would promote is not there. It is told of the one before."""
    home = operator(targetSteps=30, evaluationSteps=[])
    run(Counter())
    operator(targetSteps=31, evaluationSteps=[])
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if target.name == "step-00000031.pt":
            full(0)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(SystemExit) as exit_:
        run(Counter())
    assert exit_.value.code == 74
    assert home.termination()["checkpoint"] == str(home.checkpoints / "step-00000030.pt")


def test_the_best_n_are_kept_beside_the_newest_two(operator: Start, home: Home) -> None:
    operator(targetSteps=12)
    train(keep_best=2)
    assert Checkpoints(home.checkpoints).steps() == [12, 2, 1]
    assert home.termination()["best"]["checkpoint"] == str(home.checkpoints / "step-00000001.pt")


@pytest.mark.parametrize(("flags", "kept"), [([], 5), (["--keep-best=1"], 3)])
def test_the_trainer_keeps_as_many_as_its_flag_says(operator: Start, home: Home, flags: list[str], kept: int) -> None:
    """The bowl's best evaluations are its first where the rate is so high that the loss rises."""
    operator(targetSteps=12, horizonSteps=12, evaluationSteps=[6, 12])
    rising = ["--set=learning_rate=0.3", "--set=optimizer=sgd"]
    main(["--task=quadratic", "--evaluate-every=1", "--checkpoint-seconds=0", *rising, *flags])
    assert len(Checkpoints(home.checkpoints).steps()) == kept


def test_how_long_training_was_held_is_shown(operator: Start) -> None:
    operator(targetSteps=3)
    with sdk.trial() as trial:
        for step in trial.steps(counter=Counter()):
            trial.report(step, validation_error=step)
    assert 0 < trial._board.numbers["checkpoint_stall_seconds"] < 60  # noqa: SLF001  what is scraped


def test_a_trial_in_a_bucket_resumes_and_leaves_its_evaluations_and_its_log_there(
    operator: Start, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "stepladder_trainer")
    home = operator(targetSteps=3, checkpointDirectory=bucket)
    assert train() == [1, 2, 3]
    message = home.termination()
    assert message["checkpoint"] == f"{bucket}/step-00000003.pt"
    assert message["best"] == {"step": 1, "value": 1, "checkpoint": f"{bucket}/step-00000001.pt"}
    operator(targetSteps=5, checkpointDirectory=bucket)
    assert train() == [4, 5]
    files = fsspec.filesystem("memory")
    lines = files.cat_file(f"{bucket}/evaluations.jsonl").decode().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5]
    log = files.cat_file(f"{bucket}/trainer.log").decode()
    assert log.count("Completed: reached step") == 2
    assert "resumed from memory://models/tuning/digits-0/step-00000003.pt" in log


def test_a_log_that_cannot_be_left_in_the_bucket_changes_nothing(
    operator: Start, bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator has been told of the end by then."""

    def refuse(store: Bucket, name: str, data: bytes) -> None:
        raise sdk.StorageError("the bucket is gone")

    home = operator(targetSteps=2, checkpointDirectory=bucket)
    monkeypatch.setattr(Bucket, "append", refuse)
    train()
    assert home.termination()["reason"] == "Completed"
    assert "the bucket is gone" in caplog.text


def test_what_is_gone_need_not_be_removed(bucket: str) -> None:
    """Two of our processes may have met while the older one ended."""
    Checkpoints(bucket).store.remove("step-00000001.pt")


def test_damage_in_a_bucket_is_skipped_to_the_one_before(operator: Start, bucket: str) -> None:
    operator(targetSteps=3, checkpointDirectory=bucket)
    train()
    fsspec.filesystem("memory").pipe_file(f"{bucket}/step-00000003.pt", b"cut")
    home = operator(targetSteps=4, checkpointDirectory=bucket)
    assert train() == [3, 4]
    assert home.termination()["fromStep"] == 2


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("nonsense://models/x", 78, "give s3://BUCKET/PREFIX"),
        ("s3://", 78, "names no bucket: write s3://BUCKET/PREFIX"),
        ("s3:/models/x", 78, "names no bucket: write s3://BUCKET/PREFIX"),
        ("gs:///x", 78, "names no bucket: write gs://BUCKET/PREFIX"),
        ("file://x/y", 78, "write file:///DIRECTORY"),
        ("sftp://models/x", 78, "install fsspec's driver of sftp:// in it"),
        ("s3://key:secret@models/x", 78, "environment variables"),
        ("s3://models/x?secret=secret@", 78, "environment variables"),
        ("az://models/x", 74, "Account must be specified"),
    ],
)
def test_a_place_that_cannot_be_used_is_told_before_anything_is_trained(
    operator: Start, url: str, code: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    home = operator(checkpointDirectory=url)
    with pytest.raises(SystemExit) as exit_:
        train()
    assert exit_.value.code == code
    assert said in home.termination()["message"]
    assert "secret@" not in home.termination()["message"] + caplog.text


def test_without_its_driver_a_bucket_says_what_to_install(operator: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    home = operator(checkpointDirectory="s3://models/x")
    monkeypatch.setitem(sys.modules, "obstore.fsspec", None)
    with pytest.raises(SystemExit) as exit_:
        train()
    assert exit_.value.code == 78
    assert "install stepladder-trainer[buckets] in it" in home.termination()["message"]
