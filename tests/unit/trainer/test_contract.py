import json
from typing import Any

import pytest

from stepladder_trainer.contract import Objective, metrics_port, read
from stepladder_trainer.outcomes import ConfigurationError

MINIMAL: dict[str, Any] = {
    "parameters": {"learning_rate": 0.1},
    "seed": 3,
    "targetSteps": 30,
    "objective": {"metric": "accuracy", "direction": "Maximize"},
}


def test_a_document_is_read_and_what_it_does_not_know_is_ignored() -> None:
    document = read({"STEPLADDER_TRIAL": json.dumps({**MINIMAL, "evaluationSteps": [30, 90], "future": {}})})
    assert document is not None
    assert document.objective == Objective("accuracy", minimize=False)
    assert (document.target_steps, document.horizon_steps) == (30, 30)
    assert document.evaluation_steps == {30, 90}
    assert document.checkpoint_directory is None


@pytest.mark.parametrize("place", ["/checkpoints/a/b", "s3://bucket/a/b"])
def test_a_directory_or_a_url_is_taken_as_it_is(place: str) -> None:
    """A URL that has been a path has lost a slash."""
    document = read({"STEPLADDER_TRIAL": json.dumps({**MINIMAL, "checkpointDirectory": place})})
    assert document is not None
    assert str(document.checkpoint_directory) == place


def test_without_the_variable_there_is_no_document() -> None:
    assert read({}) is None
    assert read({"STEPLADDER_TRIAL": ""}) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"targetSteps": 0}, "targetSteps"),
        ({"targetSteps": "30"}, "targetSteps"),
        ({"targetSteps": True}, "targetSteps"),
        ({"horizonSteps": -1}, "horizonSteps"),
        ({"horizonSteps": 29}, "targetSteps 30 is beyond horizonSteps 29"),
        ({"seed": None}, "seed"),
        ({"parameters": []}, "parameters"),
        ({"parameters": {"width": [64]}}, "width"),
        ({"objective": None}, "objective"),
        ({"objective": {"metric": "a", "direction": "minimize"}}, "objective.direction"),
        ({"objective": {"direction": "Minimize"}}, "metric"),
        ({"evaluationSteps": ["soon"]}, "evaluationSteps"),
        ({"evaluationSteps": 30}, "evaluationSteps"),
        ({"attempt": "first"}, "attempt"),
        ({"checkpointDirectory": ["/checkpoints"]}, "checkpointDirectory"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        read({"STEPLADDER_TRIAL": json.dumps({**MINIMAL, **change})})


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="STEPLADDER_TRIAL"):
        read({"STEPLADDER_TRIAL": text})


def test_the_metrics_port() -> None:
    assert metrics_port({}) == 9090
    assert metrics_port({"STEPLADDER_METRICS_PORT": "0"}) == 0
    for text in ("http", "-1", "65536"):
        with pytest.raises(ConfigurationError, match="PORT"):
            metrics_port({"STEPLADDER_METRICS_PORT": text})
