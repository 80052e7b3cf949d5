"""Bad input: one sentence on standard error, exit code 2, and nothing written. In process, since nothing is started."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from cli.conftest import Invoke, StudyMaker


def edited(path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    manifest = yaml.safe_load(path.read_text())
    edit(manifest)
    path.write_text(yaml.safe_dump(manifest))
    return path


def refused(result: Result, tmp_path: Path) -> str:
    """The one sentence, after everything that every refusal owes was checked."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (sentence,) = result.stderr.splitlines()
    assert not (tmp_path / ".stepladder").exists()
    return sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"a: [", "not YAML"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"", "holds 0 documents"),
        (b"kind: TuningStudy\n---\nkind: TuningStudy\n", "holds 2 documents"),
        (b"kind: Trial\n", "is a Trial"),
        (b"just a sentence", "kind"),
        (b"kind: TuningStudy\nmetadata: {name: x}\n", "apiVersion must be"),
        (b"apiVersion: tuning.stepladder.dev/v1alpha1\nkind: TuningStudy\n", "metadata.name is required"),
        (b"apiVersion: tuning.stepladder.dev/v1alpha1\nkind: TuningStudy\nmetadata: {name: ../x}\n", "metadata.name"),
        (b"apiVersion: tuning.stepladder.dev/v1alpha1\nkind: TuningStudy\nmetadata: {name: x}\n", "spec"),
    ],
)
def test_a_file_that_is_no_study_is_refused(invoke: Invoke, tmp_path: Path, text: bytes, sentence: str) -> None:
    (tmp_path / "bad.yaml").write_bytes(text)
    said = refused(invoke("run", tmp_path / "bad.yaml"), tmp_path)
    assert said.startswith(f"{tmp_path / 'bad.yaml'}: ")
    assert sentence in said


def test_a_file_that_is_not_there_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    assert "No such file" in refused(invoke("run", tmp_path / "none.yaml"), tmp_path)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda m: m["spec"].update(parallelism=0), "spec.parallelism"),
        (lambda m: m["spec"].update(parallelism=10**400), "numbers must be finite"),
        (lambda m: m["spec"].update(suspend=True), "spec.suspend is true"),
        (lambda m: m["spec"].update(frobnicate=1), "frobnicate"),
        (lambda m: m["spec"]["parameters"][0]["float"].update(min=2), "float.min must be below float.max"),
        (lambda m: container(m).pop("command"), "set command in trainer.template"),
        (lambda m: container(m).update(envFrom=[{"secretRef": {"name": "s"}}]), "envFrom needs a cluster"),
        (lambda m: container(m).update(name="other"), "container named trainer"),
    ],
)
def test_a_study_that_cannot_run_here_is_refused_before_anything_is_written(
    invoke: Invoke,
    tmp_path: Path,
    study: StudyMaker,
    edit: Callable[[dict[str, Any]], object],
    sentence: str,
) -> None:
    assert sentence in refused(invoke("run", edited(study(), edit)), tmp_path)


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["trainer"]["template"]["spec"]["containers"][0]
    return found


def test_validate_names_every_document_and_refuses_if_one_is_bad(
    invoke: Invoke, tmp_path: Path, study: StudyMaker
) -> None:
    good = study()
    result = invoke("validate", good)
    assert (result.exit_code, result.stdout) == (0, f"{good}: TuningStudy/small: valid\n")
    bad = tmp_path / "bad.yaml"
    bad.write_text(good.read_text())
    edited(bad, lambda m: m["spec"].update(parallelism=0))
    result = invoke("validate", good, bad)
    assert result.exit_code == 2
    assert "small: valid" in result.stdout
    assert "spec.parallelism" in result.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# nothing\n", "holds no manifest"),
        ("kind: TuningStudy\nmetadata: [x]\n", "TuningStudy/?: "),
        ("kind: TuningStudy\nmetadata: x\n", "TuningStudy/?: "),
        ("kind: 1" + "0" * 5000, "not YAML"),
    ],
)
def test_validate_answers_a_file_that_is_no_study_with_a_sentence(
    invoke: Invoke, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    assert sentence in refused(invoke("validate", tmp_path / "bad.yaml"), tmp_path)


def test_validate_answers_brackets_without_end_with_a_sentence(
    invoke: Invoke, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(sys.setrecursionlimit, sys.getrecursionlimit()))
    sys.setrecursionlimit(1000)  # Python's own; once CEL has been used it is higher, and is reached in seconds
    (tmp_path / "bad.yaml").write_text("kind: " + "[" * 1000)
    assert "nested too deeply" in refused(invoke("validate", tmp_path / "bad.yaml"), tmp_path)


def test_validate_knows_only_its_own_kinds(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n")
    result = invoke("validate", tmp_path / "pod.yaml")
    assert result.exit_code == 2
    assert "this is a Pod" in result.stderr


def test_version_is_the_packages(invoke: Invoke) -> None:
    assert invoke("version").stdout.count(".") == 2


def test_the_command_line_is_quick_because_commands_import_what_they_need() -> None:
    heavy = "{'optuna', 'kopf', 'kubernetes', 'aiohttp', 'numpy', 'scipy', 'pydantic', 'rich'}"
    script = (
        f"import sys, stepladder.cli; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
