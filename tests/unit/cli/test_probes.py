"""Operator and trainer, which share no code, agree on every probe: its options, its end, its verdict."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Invoke, StudyMaker

pytestmark = pytest.mark.long

PROBES: list[dict[str, Any]] = [
    {"type": "LearningRateRange", "learningRateRange": {"minLearningRate": 0.001, "ramp": "Linear"}},
    {"type": "Throughput", "throughput": {"maxBatchSize": 32, "stepsPerBatchSize": 3}},
    {"type": "Instability", "instability": {"factors": [2]}},
    {"type": "Warmup", "warmup": {"learningRateFactor": 2, "warmupSteps": [5]}},
    {"type": "StepBudget", "stepBudget": {"learningRates": [0.1]}},
    {"type": "Baseline", "baseline": {"reasonableError": 0.8}},
]


def test_our_trainer_answers_every_probe(study: StudyMaker, invoke: Invoke) -> None:
    container = {"name": "trainer", "image": "ghcr.io/stepladder/trainer:0.1.0", "args": ["--task=digits"]}
    fixed = {"optimizer": "sgd", "learning_rate": 0.05, "width": 8}
    file = study(
        parameters=[{"name": name, "role": "Fixed", "value": value} for name, value in fixed.items()],
        rounds=[{"name": probe["type"].lower(), "maxSteps": 40, "probe": probe} for probe in PROBES],
        trainer={
            "template": {"spec": {"containers": [container]}},
            "checkpoints": {"persistentVolumeClaim": {"claimName": "checkpoints"}},
        },
    )
    ended = invoke("run", file, "--output", "json")
    assert ended.exit_code == 0, ended.output
    found = json.loads(ended.stdout.splitlines()[-1])
    assert [probe["type"] for probe in found["probes"]] == [probe["type"] for probe in PROBES]
    assert (found["trials"], found["best"]) == ({"completed": 6}, None)
    for probe in found["probes"]:
        assert probe["summary"]
        assert Path(probe["picture"]).read_text().startswith("<"), "an SVG beside the checkpoints"
        assert json.loads(Path(probe["data"]).read_text())
    (throughput,) = (probe for probe in found["probes"] if probe["type"] == "Throughput")
    assert (len(throughput["key"]), "width 8" in throughput["measuredOn"]) == (12, True)


def test_our_trainer_judges_the_best_trials_of_a_search_together(study: StudyMaker, invoke: Invoke) -> None:
    """Catches checkpoints that another pod's trainer does not find, and weights that are not those that were judged."""
    container = {"name": "trainer", "image": "ghcr.io/stepladder/trainer:0.1.0", "args": ["--task=digits"]}
    probe = {"type": "Ensemble", "ensemble": {"members": 2}}
    file = study(
        parameters=[
            {"name": "width", "role": "Fixed", "value": 8},
            {"name": "learning_rate", "float": {"min": 0.01, "max": 0.05, "scale": "Log"}},
        ],
        rounds=[
            {"name": "search", "maxSteps": 40, "trials": 2},
            {"name": "together", "maxSteps": 40, "from": {"round": "search"}, "probe": probe},
        ],
        trainer={
            "template": {"spec": {"containers": [container]}},
            "checkpoints": {"persistentVolumeClaim": {"claimName": "checkpoints"}},
        },
    )
    ended = invoke("run", file, "--output", "json")
    assert ended.exit_code == 0, ended.output
    found = json.loads(ended.stdout.splitlines()[-1])
    (together,) = found["probes"]
    assert "NotAsRecorded" not in together.get("flags", [])
    assert together["suggestions"]["best_member"] == found["best"]["value"]
    assert found["trials"] == {"completed": 3}
