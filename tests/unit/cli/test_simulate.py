"""`stepladder simulate`: what it prints, what it refuses, what it takes in the manifest's place."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.conftest import Invoke
from simulation.tables import constant, manifest

MEASURES = {
    "stepsToTarget",
    "wallSecondsToTarget",
    "trainedSteps",
    "wallSeconds",
    "gpuHours",
    "best",
    "trials",
    "idleSlotSeconds",
    "freeSlotSeconds",
}
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    study, curves = tmp_path / "study.yaml", tmp_path / "curves.jsonl"
    pruner = {"minSteps": 10}
    study.write_text(yaml.safe_dump(manifest({"trials": 20, "maxSteps": 90, "pruner": pruner}, parallelism=2)))
    curves.write_text(constant(40, range(10, 91, 10)))
    return study, curves


def test_json_is_one_object_with_every_seed_and_the_median(invoke: Invoke, files: tuple[Path, Path]) -> None:
    study, curves = files
    result = invoke("simulate", study, "--curves", curves, "--seeds", 3, "--first-seed", 7, "--target", 0.3,
                    "--parallelism", 1, "--output", "json", "--jobs", 1)  # fmt: skip
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found.keys() == {"seeds", "median"}
    assert [seed["seed"] for seed in found["seeds"]] == [7, 8, 9]
    for seed in found["seeds"]:
        assert seed.keys() == {"seed", "reason", *MEASURES}
        assert seed["stepsToTarget"] == seed["trainedSteps"] == seed["wallSeconds"]
        assert seed["best"] <= 0.3
    assert found["median"].keys() == MEASURES
    assert found["median"]["stepsToTarget"] == sorted(seed["stepsToTarget"] for seed in found["seeds"])[1]


def test_a_target_that_most_never_meet_has_no_median(invoke: Invoke, files: tuple[Path, Path]) -> None:
    study, curves = files
    arguments = ("simulate", study, "--curves", curves, "--seeds", 3, "--target", -1, "--output", "json", "--jobs", 1)
    found = json.loads(invoke(*arguments).stdout)
    assert [seed["stepsToTarget"] for seed in found["seeds"]] == [None] * 3
    assert found["median"]["stepsToTarget"] is None
    assert found["median"]["trainedSteps"] == 20 * 90


def test_several_processes_find_the_same(invoke: Invoke, files: tuple[Path, Path]) -> None:
    study, curves = files
    arguments = (
        "simulate",
        study,
        "--curves",
        curves,
        "--seeds",
        3,
        "--output",
        "json",
        "--failure-rate",
        0.2,
        "--jobs",
    )
    assert invoke(*arguments, 2).stdout == invoke(*arguments, 1).stdout


def test_the_table_for_people(invoke: Invoke, files: tuple[Path, Path]) -> None:
    study, curves = files
    lines = invoke("simulate", study, "--curves", curves, "--seeds", 2, "--gpus", 1, "--jobs", 1).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["seed", "0", "1", "median"]
    assert "GPU-hours" in lines[0]
    assert lines[1].endswith("RoundsCompleted")


def test_pruner_and_sampler_in_the_manifests_place(invoke: Invoke, files: tuple[Path, Path]) -> None:
    study, curves = files

    def steps(*options: Any) -> float:
        arguments = ("simulate", study, "--curves", curves, "--seeds", 1, "--output", "json", *options)
        found: float = json.loads(invoke(*arguments).stdout)["median"]["trainedSteps"]
        return found

    full, pruned = steps(), steps("--pruner", "ASHA")
    assert full == 20 * 90 > pruned
    assert steps("--pruner", "ASHA", "--sampler", "QuasiRandom") != pruned


def test_the_trace_is_there_when_it_is_asked_for(invoke: Invoke, files: tuple[Path, Path]) -> None:
    study, curves = files
    result = invoke("simulate", study, "--curves", curves, "--seeds", 1, "--output", "json", "--trace")
    (seed,) = json.loads(result.stdout)["seeds"]
    assert seed["trace"][-1]["best"] == seed["best"]
    assert seed["trace"][-1].keys() == {"trainedSteps", "wallSeconds", "best", "regret"}


def test_a_table_that_is_too_small_is_told_of_beside_the_result(invoke: Invoke, files: tuple[Path, Path]) -> None:
    study, curves = files
    curves.write_text(constant(5, [10, 90]))
    result = invoke("simulate", study, "--curves", curves, "--seeds", 1, "--output", "json")
    assert json.loads(result.stdout)["median"]["trials"] == 5
    assert "the table is used up after 5 of 20 trials" in result.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--sampler", "Guess"], 'Unsupported value: "Guess"'),
        (["--pruner", "Axe"], 'Unsupported value: "Axe"'),
        (["--parallelism", "0"], "spec.parallelism"),
        (["--curves", "none.jsonl"], "none.jsonl: No such file"),
    ],
)
def test_refusals_are_one_sentence(invoke: Invoke, files: tuple[Path, Path], options: list[str], sentence: str) -> None:
    study, curves = files
    result = invoke("simulate", study, "--curves", curves, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_bad_line_is_named(invoke: Invoke, files: tuple[Path, Path]) -> None:
    study, curves = files
    curves.write_text(f"{constant(1, [10, 90])}\n{{\n")
    result = invoke("simulate", study, "--curves", curves)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{curves}:2: is not JSON")


def test_the_example_runs(invoke: Invoke) -> None:
    result = invoke("simulate", EXAMPLES / "digits.yaml", "--curves", EXAMPLES / "curves/digits.jsonl", "--seeds", 1,
                    "--output", "json")  # fmt: skip
    (seed,) = json.loads(result.stdout)["seeds"]
    assert (seed["trials"], seed["trainedSteps"], seed["reason"]) == (49, 10_710, "RoundsCompleted")


@pytest.mark.parametrize("option", ["--target", "--seconds-per-step", "--pod-start-seconds", "--failure-rate"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_number_that_is_not_finite_is_refused(
    invoke: Invoke, files: tuple[Path, Path], option: str, value: str
) -> None:
    """An infinite pod start ended in a traceback, and a failure rate of nan was taken for 0."""
    study, curves = files
    result = invoke("simulate", study, "--curves", curves, option, value, "--seeds", 1)
    assert result.exit_code == 2
    assert option in result.stderr
    assert "finite" in result.stderr or "range" in result.stderr


@pytest.mark.parametrize(("option", "value"), [("--failure-rate", 0.999), ("--first-seed", 2**31)])
def test_what_would_never_end_or_the_api_does_not_know_is_refused(
    invoke: Invoke, files: tuple[Path, Path], option: str, value: float
) -> None:
    """At a failure rate of 0.999 nearly every segment is interrupted: the study took hours of real time."""
    study, curves = files
    result = invoke("simulate", study, "--curves", curves, option, value, "--seeds", 1)
    assert result.exit_code == 2
    assert option in result.stderr
