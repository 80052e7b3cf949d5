"""GPU quota: respected, never a failure, and used the moment it is raised."""

import json
import os
import time
from pathlib import Path
from typing import Any

from e2e.manifests import small_study
from e2e.observe import apply, conditions, get, kubectl, live_pods, outcome, wait_until

RECORD = Path(os.environ.get("STEPLADDER_BENCH", ".bench")) / "quota.json"


def quota(gpus: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "gpus"},
        "spec": {"hard": {"requests.nvidia.com/gpu": str(gpus)}},
    }


def gpu_pods(namespace: str) -> int:
    return len(live_pods(namespace))


def test_quota_of_two_with_eight_wanted_then_four(operator: str, namespace: str) -> None:
    apply(quota(2), namespace)
    manifest = small_study("greedy", gpus=1, parallelism=8)
    manifest["spec"]["rounds"][0] |= {"maxSteps": 18_000}  # long enough to see pods side by side
    manifest["spec"]["rounds"][0]["pruner"]["minSteps"] = 2_000
    apply(manifest, namespace)

    def waits() -> bool:
        trials = get("trials", namespace=namespace)
        waiting = [t for t in trials if conditions(t).get("QuotaExceeded", {}).get("status") == "True"]
        return len(waiting) == 6 and gpu_pods(namespace) == 2

    wait_until("two run and six wait for quota", waits, seconds=60)
    study = get("tuningstudies", "greedy", namespace=namespace)
    assert conditions(study)["QuotaExceeded"]["status"] == "True"
    assert any(e["reason"] == "QuotaExceeded" for e in get("events", namespace=namespace))
    refused_before = kubectl("get", "events", "-n", namespace)
    assert "FailedCreate" not in refused_before

    most = 0
    for _ in range(10):
        most = max(most, gpu_pods(namespace))
        time.sleep(0.3)
    assert most == 2

    raised = time.monotonic()
    apply(quota(4), namespace)
    wait_until("two more start at once", lambda: gpu_pods(namespace) == 4, seconds=30, every=0.05)
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps({"quota raised to pods created, seconds": round(time.monotonic() - raised, 2)}) + "\n")

    ended = outcome("greedy", namespace, seconds=400)
    assert ended.succeeded
    assert ended.study["status"]["trials"]["failed"] == 0
    assert all(a["reason"] == "Completed" for a in ended.attempts)
