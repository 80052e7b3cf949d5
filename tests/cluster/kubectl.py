"""kubectl of the cluster's own version, always with the cluster's own kubeconfig."""

import json
from typing import Any

from cluster import shell
from cluster.build import KUBECTL
from cluster.layout import KUBECONFIG


def run(*words: str, stdin: str | None = None) -> str:
    """Standard output of kubectl.

    Raises:
        ClusterError: with what kubectl said.
    """
    return shell.run(KUBECTL, f"--kubeconfig={KUBECONFIG}", *words, stdin=stdin)


def succeeds(*words: str) -> bool:
    return shell.succeeds(KUBECTL, f"--kubeconfig={KUBECONFIG}", "--request-timeout=5s", *words)


def apply(*objects: dict[str, Any]) -> None:
    run("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def get(*words: str) -> Any:
    """A decoded object or list."""
    return json.loads(run("get", *words, "-o", "json"))
