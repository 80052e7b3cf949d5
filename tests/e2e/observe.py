"""What the tests read from the cluster, and how they wait: on conditions, with deadlines, telling what they saw."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.build import KUBECTL
from cluster.layout import KUBECONFIG

STUDY_LABEL = "tuning.stepladder.dev/study"


class Refused(Exception):
    """kubectl failed; the message is what it said."""


def kubectl(*words: str, stdin: str | None = None, timeout: float = 120) -> str:
    """Standard output of kubectl, always with the test cluster's own kubeconfig."""
    command = [str(KUBECTL), f"--kubeconfig={KUBECONFIG}", *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise Refused(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def get(kind: str, name: str = "", *, namespace: str, labels: str = "") -> Any:
    """One object, or the items of a list."""
    words = ["get", kind, "-n", namespace, "-o", "json", *([name] if name else []), *(["-l", labels] if labels else [])]
    found = json.loads(kubectl(*words))
    return found if name else found["items"]


def apply(manifest: dict[str, Any], namespace: str) -> None:
    """kubectl apply, with the strict validation that is its default."""
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(manifest))


def wait_until(what: str, holds: Callable[[], Any], *, seconds: float = 60, every: float = 0.3) -> Any:
    """The first true value of `holds`; fails with `what` when the deadline passes."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(every)


def conditions(item: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The conditions by type."""
    return {c["type"]: c for c in item.get("status", {}).get("conditions", [])}


@dataclass(frozen=True)
class Outcome:
    """A finished study as the trainers, the trials and the study tell it."""

    study: dict[str, Any]
    trials: tuple[dict[str, Any], ...]

    @property
    def succeeded(self) -> bool:
        return bool(conditions(self.study)["Succeeded"]["status"] == "True")

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Every attempt of every trial, as its trainer reported it."""
        return [a for t in self.trials for a in t["status"].get("attempts", [])]

    @property
    def trained_steps(self) -> int:
        return sum(a["trainedSteps"] for a in self.attempts)

    @property
    def best(self) -> tuple[str, float, int]:
        best = self.study["status"]["best"]
        return best["trial"], best["value"], best["step"]

    @property
    def curves(self) -> dict[str, list[tuple[int, float]]]:
        """Every trial's objective at every rung that it reached."""
        rungs = {t["metadata"]["name"]: set(t["spec"]["rungSteps"]) for t in self.trials}
        return {
            t["metadata"]["name"]: [
                (o["step"], o["value"])
                for o in t["status"].get("observations", [])
                if o["step"] in rungs[t["metadata"]["name"]]
            ]
            for t in self.trials
        }


def finished(name: str, namespace: str) -> dict[str, Any] | None:
    """The study, once it has ended."""
    study: dict[str, Any] = get("tuningstudies", name, namespace=namespace)
    return study if conditions(study).get("Succeeded", {}).get("status") in ("True", "False") else None


def outcome(name: str, namespace: str, *, seconds: float = 300) -> Outcome:
    """Wait for the study's end."""

    def check() -> dict[str, Any] | None:
        try:
            return finished(name, namespace)
        except Refused as error:  # the API server may be restarting
            if "refused" in str(error) or "timed out" in str(error) or "EOF" in str(error):
                return None
            raise

    try:
        study = wait_until(f"study {name} ends", check, seconds=seconds, every=1)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{describe(name, namespace)}") from None
    trials = get("trials", namespace=namespace, labels=f"{STUDY_LABEL}={name}")
    return Outcome(study, tuple(sorted(trials, key=lambda t: t["spec"]["number"])))


def describe(name: str, namespace: str) -> str:
    """What a person would look at next."""
    parts = [kubectl("get", "tuningstudies,trials,pods", "-n", namespace, "-o", "wide")]
    parts.append(kubectl("describe", "tuningstudy", name, "-n", namespace))
    parts.append(kubectl("logs", "-n", "stepladder-system", "deploy/stepladder", "--tail=60"))
    return "\n".join(parts)


def live_pods(namespace: str) -> list[dict[str, Any]]:
    """Pods that hold resources."""
    pods = get("pods", namespace=namespace)
    return [p for p in pods if p["status"].get("phase") not in ("Succeeded", "Failed")]
