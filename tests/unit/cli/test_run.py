"""`stepladder run` from outside: its output, its exit codes, and that no way of stopping it loses anything."""

import json
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.conftest import Invoke, Start, StudyMaker
from stepladder.local.disk import locked
from stepladder.local.layout import Layout
from stepladder.local.process import start_time

pytestmark = pytest.mark.long

WAIT_SECONDS = 120


def last_object(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def checks_out(found: dict[str, Any]) -> None:
    """What the undisturbed study has, however it came about."""
    assert found["study"] == "small"
    assert found["succeeded"] is True
    assert found["trials"] == {"completed": 1, "pruned": 2}
    assert found["trainedSteps"] == 150
    assert found["best"]["step"] == 90
    assert set(found["best"]["parameters"]) == {"x"}
    assert found["best"]["value"] == pytest.approx(abs(found["best"]["parameters"]["x"] - 0.3) + 1 / 90)
    assert found["wallSeconds"] >= 0


def test_a_study_runs_to_its_end_and_is_finished_the_second_time(
    study: StudyMaker, invoke: Invoke, tmp_path: Path
) -> None:
    file = study()
    first = invoke("run", file, "--output", "json")
    assert first.exit_code == 0, first.output
    found = last_object(first.stdout)
    checks_out(found)
    assert Path(found["best"]["checkpoint"]).is_file()
    assert Path(found["best"]["checkpoint"]).is_relative_to(tmp_path / ".stepladder" / "small")
    again = invoke("run", file, "--output", "json")
    assert (again.exit_code, last_object(again.stdout)) == (0, found)
    assert "finished" in again.stderr
    text = invoke("run", file).stdout
    assert "finished; to run it anew" in text
    assert found["best"]["checkpoint"] in text
    assert "Trained 150 steps; every trial to the end would have taken 270: 44% saved." in text


def test_a_finished_study_says_that_the_corrected_file_is_not_run(study: StudyMaker, invoke: Invoke) -> None:
    """Somebody corrects what made it fail, runs it again, and reads the old failure."""
    assert invoke("run", study("--exit=78", failurePolicy={"maxFailedTrials": 0})).exit_code == 1
    again = invoke("run", study())
    assert again.exit_code == 1
    assert "study.yaml has changed since is not run; to run it anew, give another --home" in again.stdout


def test_a_study_that_fails_exits_with_1_and_says_why(study: StudyMaker, invoke: Invoke) -> None:
    ended = invoke("run", study("--exit=78", failurePolicy={"maxFailedTrials": 0}), "--output", "json")
    assert ended.exit_code == 1, ended.output
    found = last_object(ended.stdout)
    assert found["succeeded"] is False
    assert "maxFailedTrials" in found["message"]
    assert found["best"] is None


def test_a_home_that_is_in_use_is_refused(study: StudyMaker, invoke: Invoke, tmp_path: Path) -> None:
    with locked(Layout(tmp_path / "home")):
        ended = invoke("run", study(), "--home", tmp_path / "home", "--output", "json")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"in use by another `stepladder run` (process {os.getpid()})" in ended.stderr


def test_killed_terminated_and_interrupted_a_study_ends_as_if_undisturbed(
    study: StudyMaker, start: Start, tmp_path: Path
) -> None:
    """Each of the three trials is caught once in the middle of its first segment."""
    fifo, home = tmp_path / "fifo", tmp_path / "home"
    os.mkfifo(fifo)
    file = study("--pause-at=20", f"--fifo={fifo}", parallelism=1)

    heard = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)  # so that neither side waits for the other to open it

    def caught() -> tuple["subprocess.Popen[str]", int]:
        """A run, and the process of its trainer, which has come to step 20."""
        run = start("run", file, "--home", home, "--output", "json")
        ready, _, _ = select.select([heard], [], [], WAIT_SECONDS)
        assert ready, f"no trial has come to step 20; the run's exit code is {run.poll()}"
        return run, int(os.read(heard, 64))

    run, trainer = caught()
    run.kill()
    run.communicate(timeout=WAIT_SECONDS)

    for signals in ((signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)):
        run, interrupted = caught()
        assert start_time(trainer) is None, "the trainer of the killed run was left alone"
        for number in signals:
            run.send_signal(number)
        out, err = run.communicate(timeout=WAIT_SECONDS)
        assert run.returncode == 130, err
        assert f"To go on: stepladder run {file} --home {home}" in err
        assert "Traceback" not in err
        assert out == ""
        assert start_time(interrupted) is None

    assert len(list((home / "volumes").rglob("step-00000020.pt"))) == 3
    change(file, seed=7)
    refused = start("run", file, "--home", home)
    out, err = refused.communicate(timeout=WAIT_SECONDS)
    assert (refused.returncode, out) == (2, "")
    assert "seed cannot change" in err
    change(file, seed=0, parallelism=2)  # which may change at any time
    last = start("run", file, "--home", home, "--output", "json")
    out, err = last.communicate(timeout=WAIT_SECONDS)
    assert last.returncode == 0, err
    checks_out(last_object(out))
    os.close(heard)


def change(file: Path, **spec: Any) -> None:
    manifest = yaml.safe_load(file.read_text())
    manifest["spec"] |= spec
    file.write_text(yaml.safe_dump(manifest))


def test_a_probe_ends_in_a_verdict_that_is_told(study: StudyMaker, invoke: Invoke) -> None:
    """From the manifest through a process's last words to the report, for programs and for people."""
    sampler = {"algorithm": "OneAtATime", "oneAtATime": {"baseline": [{"name": "x", "value": 0.7}]}}
    file = study(rounds=[{"name": "range", "maxSteps": 30, "sampler": sampler, "probe": {"type": "LearningRateRange"}}])
    ended = invoke("run", file, "--output", "json")
    assert ended.exit_code == 0, ended.output
    found = last_object(ended.stdout)
    (probe,) = found["probes"]
    assert (probe["round"], probe["summary"], probe["suggestions"]) == ("range", "x is 0.7.", {"x": 0.3})
    assert (found["trials"], found["best"]) == ({"completed": 1}, None)
    assert (
        f"Probe range (LearningRateRange): x is 0.7.\n  x: 0.3\n  picture {probe['picture']}"
        in invoke("run", file).stdout
    )
