"""The chart, rendered by the real helm."""

import subprocess
from typing import Any

import yaml

from cluster.build import HELM
from cluster.layout import REPOSITORY

CHART = REPOSITORY / "charts" / "stepladder"
NAMESPACE = "stepladder-system"
KUBERNETES = "1.35.0"

Manifest = dict[str, Any]


class Refused(Exception):
    """Helm does not render it; the message is what it says."""


def helm(*words: str) -> str:
    """Run helm, without a cluster."""
    done = subprocess.run([str(HELM), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def render(**values: Any) -> list[Manifest]:
    """What `helm install stepladder` with these values would apply; a value's name has __ for its dots.

    Raises:
        Refused: the schema or a template does not accept them.
    """
    given = yaml.safe_dump(nested(values))
    command = [str(HELM), "template", "stepladder", str(CHART), "--namespace", NAMESPACE, "--kube-version", KUBERNETES]
    done = subprocess.run([*command, "--values", "-"], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return [manifest for manifest in yaml.load_all(done.stdout, yaml.CSafeLoader) if manifest]


def nested(values: dict[str, Any]) -> Manifest:
    result: Manifest = {}
    for path, value in values.items():
        *parents, last = path.split("__")
        inner = result
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return result


def only(manifests: list[Manifest], kind: str, name: str = "stepladder") -> Manifest:
    """The one manifest of this kind and name."""
    (found,) = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


def kinds(manifests: list[Manifest]) -> set[str]:
    return {manifest["kind"] for manifest in manifests}
