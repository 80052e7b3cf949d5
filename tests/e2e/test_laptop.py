"""`stepladder run` with the real trainer: killed, interrupted and run again, it ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.manifests import SMALL_STUDY_STEPS, small_study
from e2e.observe import wait_until


def command(study: Path, home: Path) -> list[str]:
    return ["stepladder", "run", str(study), "--home", str(home), "--output", "json"]


def last_line(output: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found


def finish(study: Path, home: Path) -> dict[str, Any]:
    """Run to the end."""
    done = subprocess.run(command(study, home), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return last_line(done.stdout)


def start(study: Path, home: Path) -> subprocess.Popen[str]:
    """Run until some trials have left checkpoints."""
    process = subprocess.Popen(command(study, home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until("three checkpoints exist", lambda: len([*home.rglob("*.pt")]) >= 3, seconds=90)
    return process


def processes_of(home: Path) -> list[int]:
    """Processes that were given a path inside this home."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            environment = (process / "environ").read_text() if process.name.isdigit() else ""
        except OSError:
            continue
        if str(home) in environment:
            found.append(int(process.name))
    return found


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(small_study("small")))
    return path


@pytest.fixture(scope="module")
def undisturbed_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("undisturbed")
    path = home / "study.yaml"
    path.write_text(yaml.safe_dump(small_study("small")))
    return finish(path, home / "home")


def same(result: dict[str, Any], other: dict[str, Any]) -> None:
    for key in ("study", "succeeded", "trials"):
        assert result[key] == other[key]
    for key in ("parameters", "value", "step"):
        assert result["best"][key] == other["best"][key]
    assert Path(result["best"]["checkpoint"]).is_file()


def test_the_last_line_is_the_result(undisturbed_run: dict[str, Any]) -> None:
    assert set(undisturbed_run) >= {"study", "succeeded", "trials", "trainedSteps", "best", "wallSeconds"}
    assert undisturbed_run["trials"] == {"completed": 1, "pruned": 8}
    assert undisturbed_run["succeeded"] is True
    assert undisturbed_run["trainedSteps"] == SMALL_STUDY_STEPS


def test_killed_and_run_again(study: Path, tmp_path: Path, undisturbed_run: dict[str, Any]) -> None:
    home = tmp_path / "home"
    process = start(study, home)
    process.kill()
    process.communicate()
    wait_until("no trainer outlives its run", lambda: not processes_of(home), seconds=30)
    same(finish(study, home), undisturbed_run)


def test_interrupted_and_run_again_trains_no_step_twice(
    study: Path, tmp_path: Path, undisturbed_run: dict[str, Any]
) -> None:
    home = tmp_path / "home"
    process = start(study, home)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert processes_of(home) == []
    result = finish(study, home)
    same(result, undisturbed_run)
    assert result["trainedSteps"] == SMALL_STUDY_STEPS


def test_a_finished_study_says_so_at_once(study: Path, tmp_path: Path, undisturbed_run: dict[str, Any]) -> None:
    home = tmp_path / "home"
    first = finish(study, home)
    began = {p: p.stat().st_mtime_ns for p in home.rglob("*.pt")}
    again = finish(study, home)
    assert {k: v for k, v in again.items() if k != "wallSeconds"} == {
        k: v for k, v in first.items() if k != "wallSeconds"
    }
    assert {p: p.stat().st_mtime_ns for p in home.rglob("*.pt")} == began


def test_a_trainer_killed_by_someone_is_resumed(study: Path, tmp_path: Path, undisturbed_run: dict[str, Any]) -> None:
    home = tmp_path / "home"
    process = start(study, home)
    trainer = wait_until("a trainer runs", lambda: [p for p in processes_of(home) if p != process.pid], seconds=30)
    os.kill(trainer[-1], signal.SIGKILL)
    began = time.monotonic()
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert time.monotonic() > began
    same(last_line(output), undisturbed_run)
