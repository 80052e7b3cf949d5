"""Trials on several nodes without a cluster: real processes that meet over gloo, two groups at once on one machine."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Invoke, StudyMaker

pytestmark = pytest.mark.long


def on_two_nodes(study: StudyMaker, *args: str, **spec: Any) -> Path:
    container = {
        "name": "trainer",
        "image": "any",
        "command": ["python", str(Path(__file__).with_name("gloo_trainer.py"))],
        "args": list(args),
    }
    trainer = {
        "template": {"spec": {"containers": [container]}},
        "nodes": 2,
        "checkpoints": {"persistentVolumeClaim": {"claimName": "checkpoints"}},
    }
    return study(trainer=trainer, **spec)


def test_two_groups_train_side_by_side(study: StudyMaker, invoke: Invoke) -> None:
    """Catches ranks of different trials that meet at one port, and ranks that never meet."""
    rounds = [{"name": "explore", "trials": 2, "maxSteps": 30}]
    ended = invoke("run", on_two_nodes(study, rounds=rounds), "--output", "json")
    assert ended.exit_code == 0, ended.output
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["trials"] == {"completed": 2}
    assert found["trainedSteps"] == 60
    assert found["best"]["value"] == pytest.approx(abs(found["best"]["parameters"]["x"] - 0.3) + 2)


def test_a_rank_that_breaks_down_takes_the_other_with_it(study: StudyMaker, invoke: Invoke, tmp_path: Path) -> None:
    """Catches rank 0 left waiting for ever, and a retry beside it."""
    rounds = [{"name": "explore", "trials": 1, "maxSteps": 40}]
    ended = invoke("run", on_two_nodes(study, "--fail-at=20", rounds=rounds), "--output", "json")
    assert ended.exit_code == 0, ended.output
    log = (tmp_path / ".stepladder" / "small" / "logs" / "small-0-1-r1.log").read_text()
    assert "rank 1 breaks down" in log
    assert json.loads(ended.stdout.splitlines()[-1])["trainedSteps"] == 40
