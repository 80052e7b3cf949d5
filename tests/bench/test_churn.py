"""How soon the next trial runs when one has ended, and how many writes a trial costs, against a bare loop of pods."""

import json
import os
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench.pods import Containers, watched
from e2e.manifests import small_study
from e2e.observe import apply, get, kubectl, outcome, wait_until

RECORD = Path(os.environ.get("STEPLADDER_BENCH", ".bench")) / "churn.json"
TRIALS = 16
BASE = "ghcr.io/stepladder/base:dev"
# A trainer of one second that is not ours and loads nothing: what is left is the operator's and Kubernetes' own time.
SCRIPT = """
import json, os, time
trial = json.loads(os.environ.get("STEPLADDER_TRIAL", '{"targetSteps": 1}'))
time.sleep(1)
step = trial["targetSteps"]
result = {"fromStep": 0, "step": step, "value": 0.5, "trainedSteps": step, "checkpoint": None}
open("/dev/termination-log", "w").write(json.dumps(result))
"""


def container() -> dict[str, Any]:
    return {
        "name": "trainer",
        "image": BASE,
        "command": ["python3", "-c", SCRIPT],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsUser": 65532,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def requests(operator: str) -> int:
    """Writes to the API server that the operator has made, Leases left out."""
    name = get("pods", namespace=operator, labels="app.kubernetes.io/name=stepladder")[0]["metadata"]["name"]
    read = "import urllib.request; print(urllib.request.urlopen('http://localhost:8080/metrics').read().decode())"
    text = kubectl("exec", "-n", operator, name, "--", "python", "-c", read)
    writes = [line for line in text.splitlines() if line.startswith("stepladder_operator_api_requests_total")]
    return int(sum(float(w.rsplit(" ", 1)[1]) for w in writes if 'verb="GET"' not in w and "leases" not in w))


def bare_pods(namespace: str) -> Containers:
    """The floor: a loop that makes the next pod when it sees that the last one's container has ended."""
    with watched(namespace) as seen:
        for number in range(1, TRIALS + 1):
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"bare-{number}"},
                "spec": {"restartPolicy": "Never", "containers": [container()]},
            }
            kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(pod))
            wait_until("the pod ends", partial(seen.have_ended, number), seconds=30, every=0.01)
    return seen


def test_churn(operator: str, namespace: str) -> None:
    bare = bare_pods(namespace)
    kubectl("delete", "pods", "--all", "-n", namespace)
    manifest = small_study("churn")
    manifest["spec"]["rounds"] = [
        {"name": "explore", "trials": TRIALS, "maxSteps": 1, "sampler": {"algorithm": "Random"}}
    ]
    manifest["spec"]["trainer"]["template"]["spec"]["containers"] = [container()]
    before = requests(operator)
    with watched(namespace) as ours:
        created = time.monotonic()
        apply(manifest, namespace)
        ended = outcome("churn", namespace)
    assert ended.succeeded
    assert len(ours.gaps) == len(bare.gaps) == TRIALS - 1
    writes = (requests(operator) - before) / TRIALS
    figures = {
        "trials of one second, one at a time": TRIALS,
        "create to first container, seconds": round(min(ours.started.values()) - created, 2),
        "container end to next start, median seconds": round(statistics.median(ours.gaps), 2),
        "container end to next start, largest": round(max(ours.gaps), 2),
        "the same, bare pods in a loop, median": round(statistics.median(bare.gaps), 2),
        "ratio of the medians": round(statistics.median(ours.gaps) / statistics.median(bare.gaps), 2),
        "operator's API writes per trial": round(writes, 1),
    }
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(figures, indent=1) + "\n")
    assert writes <= 10
