"""Checkpoints in a real S3 bucket, on a server of this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from stepladder_trainer import sdk
from stepladder_trainer.checkpoints import Checkpoints, Snapshot
from stepladder_trainer.checkpoints import bucket as driver
from stepladder_trainer.outcomes import StorageError
from trainer.buckets.server import BUCKET, SECRET, Server, running
from trainer.conftest import Home
from trainer.runs import assert_same
from trainer.test_sdk import Counter

pytestmark = pytest.mark.long

Start = Callable[..., Home]
ENDLESS = {"targetSteps": 10**7, "horizonSteps": 10**7, "evaluationSteps": []}


@pytest.fixture
def place(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix of its own, and the environment that opens it."""
    use(server, monkeypatch)
    return f"s3://{BUCKET}/{tmp_path.name}"


def use(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


def save(checkpoints: Checkpoints, step: int, *, size: int = 10) -> None:
    content = {"weights": torch.arange(size) + step, "evaluations": [(step, {"error": 0.5})]}
    checkpoints.save(Snapshot(step, content, [1], keep_best=1))


def train(target_reached: Callable[[], None] = lambda: None) -> None:
    with sdk.trial() as trial:
        for step in trial.steps(counter=Counter()):
            trial.report(step, validation_error=step)
        target_reached()


def test_checkpoints_are_kept_found_and_removed_as_in_a_directory(place: str, server: Server) -> None:
    checkpoints = Checkpoints(place)
    checkpoints.prepare()
    assert checkpoints.newest() is None
    for step in (1, 2, 3, 4):
        save(checkpoints, step)
    assert Checkpoints(place).steps() == [4, 3, 1]
    found = Checkpoints(place).newest()
    assert found is not None
    assert (found[0], found[1]["weights"].tolist()) == (4, list(range(4, 14)))
    assert server.object(f"{place}/evaluations.jsonl").read_text() == '{"step": 4, "error": 0.5}\n'


def test_a_large_checkpoint_goes_in_parts_and_comes_back_whole(place: str) -> None:
    """40 MB: more than obstore sends in one request."""
    save(Checkpoints(place), 1, size=5_000_000)
    found = Checkpoints(place).newest()
    assert found is not None
    assert torch.equal(found[1]["weights"], torch.arange(5_000_000) + 1)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:200] + b"?" + data[201:], lambda data: b""]
)
def test_an_object_that_was_damaged_is_skipped_to_the_one_before(
    place: str, server: Server, damage: Callable[[bytes], bytes]
) -> None:
    for step in (1, 2):
        save(Checkpoints(place), step)
    newest = server.object(Checkpoints(place).path(2))
    newest.write_bytes(damage(newest.read_bytes()))
    found = Checkpoints(place).newest()
    assert found is not None
    assert found[0] == 1


@pytest.mark.parametrize(
    ("change", "url", "code", "said"),
    [
        ({}, "s3://nowhere/x", 78, "NoSuchBucket: The specified bucket does not exist; create the bucket"),
        ({"AWS_ACCESS_KEY_ID": "stranger"}, f"s3://{BUCKET}/x", 74, "give the trainer container credentials"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, f"s3://{BUCKET}/x", 74, "SignatureDoesNotMatch"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, f"s3://{BUCKET}/x", 74, "check the network, the endpoint"),
        ({"AWS_ENDPOINT_URL": "http://s3.invalid"}, f"s3://{BUCKET}/x", 74, "check the network, the endpoint"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_told_in_one_sentence_and_in_time(
    place: str,
    operator: Start,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    url: str,
    code: int,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    home = operator(checkpointDirectory=url)
    began = time.monotonic()
    with pytest.raises(SystemExit) as exit_:
        train()
    assert exit_.value.code == code
    assert time.monotonic() - began < 60
    message = home.termination()["message"]
    assert said in message
    assert "\n" not in message
    assert SECRET not in message + caplog.text


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Else the kubelet would kill a trainer that has been asked to end while it waits."""
    monkeypatch.setitem(driver.CLIENT, "read_timeout", "300ms")
    monkeypatch.setitem(driver.RETRIES, "retry_timeout", timedelta(seconds=1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use(server, monkeypatch)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StorageError, match="check the network"):
            Checkpoints(f"s3://{BUCKET}/x").prepare()
        with pytest.raises(StorageError, match="check the network"):
            save(Checkpoints(f"s3://{BUCKET}/x"), 1)


def test_a_server_that_dies_ends_the_trial_and_what_it_had_is_whole(
    tmp_path: Path, operator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"s3://{BUCKET}/dying"
    home = operator(targetSteps=2, checkpointDirectory=place, evaluationSteps=[])
    with running(tmp_path / "server" / "root") as server:
        use(server, monkeypatch)
        train()
    operator(targetSteps=4, checkpointDirectory=place, evaluationSteps=[])
    with pytest.raises(SystemExit) as exit_:
        train()
    assert exit_.value.code == 74
    assert home.termination()["reason"] == "StorageError"
    assert sorted(path.name for path in server.object(place).glob("*.pt")) == ["step-00000001.pt", "step-00000002.pt"]


@contextmanager
def trainer(home: Home, **document: Any) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, **home.environment(**ENDLESS | document)}
    command = [sys.executable, "-m", "stepladder_trainer", "--task=quadratic", "--set=learning_rate=0.01"]
    command += ["--evaluate-every=25", "--checkpoint-seconds=0.05"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> int:
    errors = process.communicate(timeout=120)[1]
    assert "Traceback" not in errors
    return process.returncode


def until_saved(place: str, at_least: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while max(Checkpoints(place).steps(), default=0) < at_least:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def state(place: str) -> dict[str, Any]:
    found = Checkpoints(place).newest()
    assert found is not None
    return {"step": found[0], "parts": found[1]["parts"], "evaluations": found[1]["evaluations"]}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_killed_trainer_resumes_from_the_bucket_and_equals_one_that_was_left_in_peace(
    place: str, home: Home, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with trainer(home, checkpointDirectory=place) as process:
        until_saved(place, 50, process)
        process.send_signal(number)
        assert finish(process) == code
    stopped_at = Checkpoints(place).steps()[0]
    if number is signal.SIGTERM:
        assert home.termination()["checkpoint"] == f"{place}/step-{stopped_at:08d}.pt"
    for where in (place, f"{place}-quiet"):
        with trainer(home, checkpointDirectory=where, targetSteps=stopped_at + 40) as process:
            assert finish(process) == 0
        assert home.termination()["fromStep"] == (stopped_at if where == place else 0)
    assert_same(state(place), state(f"{place}-quiet"))
