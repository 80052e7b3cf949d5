"""`stepladder run` from outside: its output, its exit codes, and that no way of stopping it loses anything."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stepladder.local.process import start_time

from cli.conftest import StudyMaker

Start = Callable[..., "subprocess.Popen[str]"]
WAIT_SECONDS = 60


def end(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = process.communicate(timeout=WAIT_SECONDS)
    return process.returncode, out, err


def last_object(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def checks_out(found: dict[str, Any]) -> None:
    """What the undisturbed study has, however it came about."""
    assert found["study"] == "small"
    assert found["succeeded"] is True
    assert found["trials"] == {"completed": 1, "pruned": 2, "total": 3}
    assert found["trainedSteps"] == 150
    assert found["best"]["step"] == 90
    assert set(found["best"]["parameters"]) == {"x"}
    assert found["best"]["value"] == pytest.approx(abs(found["best"]["parameters"]["x"] - 0.3) + 1 / 90)
    assert found["wallSeconds"] >= 0


def test_a_study_runs_to_its_end_and_is_finished_the_second_time(study: StudyMaker, stepladder: Start) -> None:
    file = study()
    code, out, err = end(stepladder("run", file, "--output", "json"))
    assert code == 0, err
    first = last_object(out)
    checks_out(first)
    assert (file.parent / ".stepladder" / "small" / "objects.jsonl").exists()
    code, out, _ = end(stepladder("run", file, "--output", "json"))
    assert (code, last_object(out)) == (0, first)
    code, out, _ = end(stepladder("run", file))
    assert code == 0
    assert "finished" in out
    assert "67% saved" not in out
    assert "Trained 150 steps; every trial to the end would have taken 270: 44% saved." in out


def test_the_best_checkpoint_is_a_file_of_this_machine(study: StudyMaker, stepladder: Start, tmp_path: Path) -> None:
    code, out, err = end(stepladder("run", study(), "--home", tmp_path / "home", "--output", "json"))
    assert code == 0, err
    found = last_object(out)["best"]
    # This trainer names no best checkpoint, but the one it ends with is there.
    trial = tmp_path / "home" / "volumes" / "checkpoints" / "default" / "small"
    assert [path.name for path in trial.glob(f"{found['trial']}-*/step-00000090.pt")] == ["step-00000090.pt"]
    if found["checkpoint"] is not None:
        assert Path(found["checkpoint"]).exists()


def test_a_study_that_fails_exits_with_1_and_says_why(study: StudyMaker, stepladder: Start) -> None:
    file = study("--exit=78", failurePolicy={"maxFailedTrials": 0})
    code, out, err = end(stepladder("run", file, "--output", "json"))
    assert code == 1, err
    found = last_object(out)
    assert found["succeeded"] is False
    assert "maxFailedTrials" in found["message"]
    assert found["best"] is None


@contextlib.contextmanager
def paused(study: StudyMaker, stepladder: Start, tmp_path: Path) -> Any:
    """The study with its first trial in the middle of a segment. Yields the run and the trainer's process id."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    file = study("--pause-at=20", f"--fifo={fifo}", parallelism=1)
    process = stepladder("run", file, "--output", "json")
    try:
        yield file, process, int(fifo.read_text())
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def finish(study_file: Path, stepladder: Start, fifo: Path) -> dict[str, Any]:
    """Run it to its end; the other trials pause too, and each is interrupted by SIGTERM to the trainer's process."""
    process = stepladder("run", study_file, "--output", "json")
    for _ in range(2):
        os.kill(int(fifo.read_text()), signal.SIGTERM)
    code, out, err = end(process)
    assert code == 0, err
    return last_object(out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_saves_says_how_to_go_on_and_goes_on(
    study: StudyMaker, stepladder: Start, tmp_path: Path, number: signal.Signals
) -> None:
    with paused(study, stepladder, tmp_path) as (file, process, trainer):
        process.send_signal(number)
        process.send_signal(signal.SIGINT)  # the second one is harmless
        code, _, err = end(process)
        assert code == 130, err
        assert f"stepladder run {file}" in err
        assert "Traceback" not in err
        assert start_time(trainer) is None
        assert list((tmp_path / ".stepladder" / "small" / "volumes").rglob("step-00000020.pt"))
        checks_out(finish(file, stepladder, tmp_path / "fifo"))


def test_a_run_killed_in_the_middle_takes_its_trainers_with_it_and_loses_nothing(
    study: StudyMaker, stepladder: Start, tmp_path: Path
) -> None:
    with paused(study, stepladder, tmp_path) as (file, process, trainer):
        process.kill()
        process.communicate()
        checks_out(finish(file, stepladder, tmp_path / "fifo"))
        assert start_time(trainer) is None


def test_two_runs_never_share_a_home(study: StudyMaker, stepladder: Start, tmp_path: Path) -> None:
    with paused(study, stepladder, tmp_path) as (file, process, _):
        code, out, err = end(stepladder("run", file, "--output", "json"))
        assert (code, out) == (2, "")
        assert f"in use by another `stepladder run` (process {process.pid})" in err
