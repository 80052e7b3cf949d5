"""`stepladder batch-scaling` from outside: where it finds a study, what it says, and its exit codes."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from cli.conftest import Invoke, StudyMaker
from stepladder.control.store import STUDIES, TRIALS, Object
from stepladder.local.disk import Journal
from stepladder.local.layout import Layout

SIZES = (16, 32, 64, 128)
PARAMETERS = [
    {"name": "batch_size", "role": "Scientific", "categorical": {"values": list(SIZES)}},
    {"name": "x", "float": {"min": 0, "max": 1}},
]
SVG = "{http://www.w3.org/2000/svg}"


def trials(study: Object) -> list[Object]:
    """Of each size two trials, of which the first takes 100 (1 + 64 / size) steps, and the second twice as many."""
    owner = {"apiVersion": study["apiVersion"], "kind": study["kind"], "name": "small", "uid": "s", "controller": True}
    found = []
    for number, (batch, slower) in enumerate((batch, slower) for batch in SIZES for slower in (1, 2)):
        steps = int(slower * 100 * (1 + 64 / batch))
        observations = [{"step": steps - 1, "value": 0.6}, {"step": steps, "value": 0.5}, {"step": 2000, "value": 0.4}]
        name = f"small-{number}"
        found.append(
            {
                "apiVersion": TRIALS.api_version,
                "kind": TRIALS.kind,
                "metadata": {"name": name, "namespace": "default", "uid": name, "ownerReferences": [owner]},
                "spec": {
                    "study": "small",
                    "number": number,
                    "round": "explore",
                    "configuration": number,
                    "parameters": {"batch_size": batch, "x": slower / 10},
                    "targetSteps": 2000,
                    "horizonSteps": 2000,
                },
                "status": {"outcome": "Completed", "observations": observations, "best": observations[-1]},
            }
        )
    return found


@pytest.fixture
def written(study: StudyMaker) -> Object:
    """The study as an API server has it."""
    manifest: Object = yaml.safe_load(study(parameters=PARAMETERS).read_text())
    manifest["metadata"] |= {"namespace": "default", "uid": "s"}
    return manifest


def listed(path: Path, *items: Object) -> Path:
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)}))
    return path


def home(root: Path, *items: Object) -> Path:
    layout = Layout(root)
    layout.root.mkdir(parents=True)
    resources = {resource.kind: resource for resource in (STUDIES, TRIALS)}
    for item in items:
        item["metadata"]["resourceVersion"] = "1"
    Journal(layout.objects).rewrite([(resources[item["kind"]], item) for item in items], 1)
    return root


def test_a_study_is_told_alike_from_a_file_and_from_a_home(invoke: Invoke, written: Object, tmp_path: Path) -> None:
    file = listed(tmp_path / "all.json", written, *trials(written))
    found = [invoke("batch-scaling", file, "--target", 0.5, "--output", "json")]
    home(tmp_path / ".stepladder" / "small", written, *trials(written))
    found += [
        invoke("batch-scaling", arguments[0], *arguments[1:], "--target", 0.5, "--output", "json")
        for arguments in (("study.yaml",), ("small", "--home", ".stepladder/small"))
    ]
    assert [ended.exit_code for ended in found] == [0, 0, 0], [ended.output for ended in found]
    told: list[dict[str, Any]] = [json.loads(ended.stdout) for ended in found]
    assert told[0] == told[1] == told[2]
    sizes = told[0]["sizes"]
    assert [size["stepsToTarget"] for size in sizes] == [500, 300, 200, 150]
    assert [size["examplesToTarget"] for size in sizes] == [8000, 9600, 12800, 19200]
    assert [size["perfectScalingSteps"] for size in sizes] == [500, 250, 125, 62.5]
    assert {size["first"]["parameters"]["x"] for size in sizes} == {0.1}
    assert told[0]["fit"]["criticalBatchSize"] == pytest.approx(64)
    assert told[0]["fit"]["minSteps"] == pytest.approx(100)
    assert told[0]["fit"]["minExamples"] == pytest.approx(6400)


def test_the_report_and_the_picture(invoke: Invoke, written: Object, tmp_path: Path) -> None:
    file = listed(tmp_path / "all.json", written, *trials(written))
    ended = invoke("batch-scaling", file, "--target", 0.5, "--picture", "scaling.svg")
    assert ended.exit_code == 0, ended.output
    assert "          32                    0.4              300     9,600              250  x 0.1  dim" in ended.stdout
    assert "The critical batch size is about 64 (64 to 64 within a standard error)" in ended.stdout
    assert "never for the objective" in ended.stdout
    root = ElementTree.parse(tmp_path / "scaling.svg").getroot()  # noqa: S314  our own
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert {"small: steps to validation_error 0.5", "critical batch size 64", "perfect scaling", "128"} <= texts
    lines = [element.attrib["points"].split() for element in root.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [4, 4, 61, 4]
    places = [tuple(map(float, point.split(","))) for point in lines[1]]
    assert places[3][1] - places[2][1] == pytest.approx(places[1][1] - places[0][1], abs=0.2), "straight in logarithms"
    assert places[3][0] - places[2][0] == pytest.approx(places[1][0] - places[0][0], abs=0.2)


def test_without_a_target_what_all_have_reached_is_taken(invoke: Invoke, written: Object, tmp_path: Path) -> None:
    listed(tmp_path / "all.json", written, *trials(written))
    ended = invoke("batch-scaling", "all.json")
    assert "of at most 0.4, which every size has reached (name another with --target)" in ended.stdout
    assert "is below 16" in ended.stdout  # all have it at the same step
    too_low = invoke("batch-scaling", "all.json", "--target", 0.1)
    assert too_low.exit_code == 0
    assert "cannot be estimated: 0 batch sizes came to the target" in too_low.stdout
    assert too_low.stdout.count("never") == 4 + 1  # and never for the objective


@pytest.mark.parametrize("steps", [(500, 8000, 3000, 1000), (2000, 4000, 6000, 8000), (0, 8000, 3000, 1000)])
def test_steps_that_no_curve_fits_and_a_target_met_before_training_make_valid_json(
    steps: tuple[int, ...], invoke: Invoke, written: Object, tmp_path: Path
) -> None:
    """At the bound of the search the standard error is in the hundreds; steps of 0 have no logarithm."""
    ran = trials(written)[::2]
    for trial, taken in zip(ran, steps, strict=True):
        trial["status"] |= {"observations": [], "best": {"step": taken, "value": 0.4}}
    listed(tmp_path / "all.json", written, *ran)
    ended = invoke("batch-scaling", "all.json", "--target", 0.5, "--output", "json", "--picture", "scaling.svg")
    assert ended.exit_code == 0, ended.output

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    told = json.loads(ended.stdout, parse_constant=refuse)
    assert [size["stepsToTarget"] for size in told["sizes"]] == list(steps)
    assert (told["fit"]["criticalBatchSize"], told["fit"]["interval"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("study.yaml",), ".stepladder/small: there is no TuningStudy small (none at all): run it first"),
        (("small", "--home", "nowhere"), "nowhere: there is no TuningStudy small"),
        (("none.yaml",), "none.yaml: No such file or directory"),
        (("two.json",), "holds 2 TuningStudies"),
        (("one.json",), "one.json: trials with a result have 1 batch sizes"),
        (("all.json", "--picture", "no/where.svg"), "no/where.svg: No such file or directory"),
        (("all.json", "--target", "nan"), "nan is not finite"),
        (("small", "--kubeconfig", "none"), "no cluster is configured"),
    ],
)
def test_what_cannot_be_told_is_refused_with_a_sentence(
    arguments: tuple[str, ...], sentence: str, written: Object, invoke: Invoke, tmp_path: Path
) -> None:
    listed(tmp_path / "all.json", written, *trials(written))
    listed(tmp_path / "one.json", written, *trials(written)[:2])
    listed(tmp_path / "two.json", written, written)
    ended = invoke("batch-scaling", *arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert sentence in ended.stderr
