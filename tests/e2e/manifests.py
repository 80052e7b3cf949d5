"""The studies that the tests apply."""

from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
BAD = ROOT / "tests" / "manifests" / "bad"
IMAGE = "ghcr.io/stepladder/trainer:dev"


def claim() -> dict[str, Any]:
    """The claim that the examples ask for."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "checkpoints"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def small_study(name: str, *, gpus: int = 0, args: tuple[str, ...] = (), **overrides: Any) -> dict[str, Any]:
    """Nine configurations of the digits MLP on a ladder of three rungs: 13 segments, 570 steps, one at a time."""
    resources: dict[str, Any] = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    if gpus:
        resources["limits"]["nvidia.com/gpu"] = gpus
    container = {
        "name": "trainer",
        "image": IMAGE,
        "args": ["--task=digits", "--model=mlp", *args],
        "resources": resources,
    }
    spec: dict[str, Any] = {
        "objective": {"metric": "validation_error", "direction": "Minimize"},
        "parameters": [
            {"name": "learning_rate", "float": {"min": 1e-4, "max": 1.0, "scale": "Log"}},
            {"name": "momentum", "float": {"min": 0.5, "max": 0.99}},
            {"name": "optimizer", "role": "Fixed", "value": "nesterov"},
        ],
        "rounds": [
            {
                "name": "explore",
                "trials": 9,
                "maxSteps": 270,
                "pruner": {"algorithm": "SuccessiveHalving", "minSteps": 30, "reductionFactor": 3},
            }
        ],
        "parallelism": 1,
        "trainer": {
            "template": {"spec": {"containers": [container]}},
            "checkpoints": {"persistentVolumeClaim": {"claimName": "checkpoints"}},
        },
        **overrides,
    }
    return {
        "apiVersion": "tuning.stepladder.dev/v1alpha1",
        "kind": "TuningStudy",
        "metadata": {"name": name},
        "spec": spec,
    }


SMALL_STUDY_STEPS = 9 * 30 + 3 * 60 + 1 * 180
