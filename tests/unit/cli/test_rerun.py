"""`stepladder rerun` from outside, on this machine: where it finds a trial, what it says, and its exit codes."""

import json
import os
import select
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.conftest import Invoke, Start, StudyMaker
from stepladder.control.store import STUDIES, TRIALS, Object
from stepladder.local.disk import Journal
from stepladder.local.layout import Layout

HOME = Path(".stepladder/small")


def objects(home: Path) -> tuple[Object, dict[str, Object]]:
    """The study and the trials of a home."""
    stored, _ = Journal(Layout(home).objects).read()
    (study,) = (item for resource, item in stored if resource == STUDIES)
    return study, {item["metadata"]["name"]: item for resource, item in stored if resource == TRIALS}


@pytest.mark.long
def test_every_trial_of_a_study_comes_out_the_same_and_a_changed_one_is_noticed(
    study: StudyMaker, invoke: Invoke, tmp_path: Path
) -> None:
    """From the home of `stepladder run`, and from what kubectl prints."""
    assert invoke("run", study(), "--output", "json").exit_code == 0
    for name in ("small-0", "small-1", "small-2"):
        ended = invoke("rerun", name, "--home", HOME, "--output", "json")
        assert ended.exit_code == 0, ended.output
        found = json.loads(ended.stdout)
        assert (found["trial"], found["rerun"], found["identical"]) == (name, f"{name}-rerun", True)
        assert (found["differences"], found["provenance"]) == ([], [])
    again = invoke("rerun", "small-0", "--home", HOME)  # it is there already
    assert (again.exit_code, again.stdout.splitlines()[0]) == (0, "small-0 and small-0-rerun:")

    owner, trials = objects(tmp_path / HOME)
    changed = trials["small-0"]
    changed["status"]["observations"][0]["value"] += 1
    changed["status"]["provenance"]["torch"] = "1.0"
    file = tmp_path / "trial.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [owner, changed]}))
    ended = invoke("rerun", file)
    assert ended.exit_code == 1, ended.output
    assert "validation_error differs at 1 of " in ended.stdout
    assert "torch: 1.0 before, not recorded now" in ended.stdout
    assert (tmp_path / ".stepladder" / "small-0-rerun" / "volumes").is_dir()


def trial(**spec: Any) -> Object:
    return {
        "apiVersion": TRIALS.api_version,
        "kind": TRIALS.kind,
        "metadata": {"name": "mine", "namespace": "lab", "resourceVersion": "7", "uid": "u"},
        "spec": {"study": "small", "parameters": {"x": 0.5}, "targetSteps": 30, "horizonSteps": 90, **spec},
        "status": {"observations": [{"step": 30, "value": 0.5}], "provenance": {"imageDigest": "t@sha256:1"}},
    }


@pytest.mark.long
def test_interrupted_it_goes_on(start: Start, tmp_path: Path) -> None:
    """Catches a rerun that begins anew in the home of the one before, or takes half a run for a whole one."""
    fifo, script = tmp_path / "fifo", Path(__file__).with_name("trainer.py")
    os.mkfifo(fifo)
    heard = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    command = ["python", str(script), "--pause-at=20", f"--fifo={fifo}"]
    container = {"name": "trainer", "image": "any", "command": command}
    trainer = {
        "template": {"spec": {"containers": [container]}},
        "checkpoints": {"persistentVolumeClaim": {"claimName": "checkpoints"}},
    }
    file = tmp_path / "trial.yaml"
    alone = trial(study=None, objective={"metric": "validation_error"}, trainer=trainer, rungSteps=[30, 90])
    alone["status"] = {"observations": [{"step": 30, "value": abs(0.5 - 0.3) + 1 / 30}]}
    file.write_text(yaml.safe_dump(alone))

    run = start("rerun", file)
    assert select.select([heard], [], [], 120)[0], "the trainer has not come to step 20"
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=120)
    assert (run.returncode, out) == (130, ""), err
    assert "nothing is lost: the same command goes on" in err
    run = start("rerun", file)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    assert "validation_error is identical at the only evaluation." in out
    assert len(list((tmp_path / ".stepladder").rglob("step-00000020.pt"))) == 1, "it went on from there"
    os.close(heard)


def test_a_dry_run_prints_a_manifest_and_runs_nothing(study: StudyMaker, invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "trial.json"
    file.write_text(json.dumps(trial()))
    printed = invoke("rerun", file, "--study", study(), "--dry-run", "--name", "again")
    assert printed.exit_code == 0, printed.output
    (tmp_path / "again.yaml").write_text(printed.stdout)
    assert invoke("validate", tmp_path / "again.yaml").exit_code == 0
    made = yaml.safe_load(printed.stdout)
    assert (made["metadata"]["name"], made["metadata"]["namespace"]) == ("again", "lab")
    assert made["spec"]["trainer"]["template"]["spec"]["containers"][0]["image"] == "t@sha256:1"
    assert not (tmp_path / ".stepladder").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("trial.yaml",), "--study FILE"),
        (("none.yaml",), "none.yaml: No such file or directory"),
        (("study.yaml",), "holds 0 Trials; `stepladder rerun` takes a file with one"),
        (("shapeless.yaml",), "has no metadata.name or no spec"),
        (("trial.yaml", "--study", "study.yaml", "--name", "no.name"), "metadata.name must be"),
        (("mine", "--home", "nowhere"), "there is no Trial mine, of 0 (none)"),
        (("mine", "--kubeconfig", "none"), "no cluster is configured"),
    ],
)
def test_what_cannot_be_rerun_is_refused_with_a_sentence(
    arguments: tuple[str, ...], sentence: str, study: StudyMaker, invoke: Invoke, tmp_path: Path
) -> None:
    study()
    (tmp_path / "trial.yaml").write_text(yaml.safe_dump(trial()))
    (tmp_path / "shapeless.yaml").write_text(yaml.safe_dump({"kind": "Trial", "spec": {}}))
    ended = invoke("rerun", *arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
