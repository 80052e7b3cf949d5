"""What is done to the operator."""

import os
import signal
from pathlib import Path
from typing import Any

from e2e.observe import get, kubectl


def operator_pod(operator: str) -> dict[str, Any]:
    """The operator's pod that runs."""
    pods = get("pods", namespace=operator, labels="app.kubernetes.io/name=stepladder")
    return next(p for p in pods if p["status"]["phase"] == "Running")


def sigkill(pod: dict[str, Any]) -> None:
    """SIGKILL to the processes of one pod of ours, found by its UID in their cgroup."""
    uid = pod["metadata"]["uid"]
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            cgroup, command = (process / "cgroup").read_text(), (process / "cmdline").read_text()
        except OSError:
            continue
        if uid in cgroup and "pause" not in command:
            os.kill(int(process.name), signal.SIGKILL)


def erase_record(operator: str) -> None:
    """Delete the samplers' database under the running operator."""
    erase = "import glob, os; found = glob.glob('/data/*'); [os.remove(f) for f in found]; print(*found)"
    name = operator_pod(operator)["metadata"]["name"]
    assert "optuna" in kubectl("exec", "-n", operator, name, "--", "python", "-c", erase)
