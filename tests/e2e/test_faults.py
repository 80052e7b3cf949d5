"""Faults. Each study must end in the same best trial, on the same curves, as the undisturbed one.

And with the same number of trained steps, save for a partial segment that a fault has lost and that was run again.
"""

import random
import time
from typing import Any

import pytest

from cluster import lifecycle
from cluster.layout import CONTROL_PLANE
from e2e.faults import erase_record, operator_pod, sigkill
from e2e.manifests import SMALL_STUDY_STEPS, small_study
from e2e.observe import STUDY_LABEL, Outcome, apply, finished, get, kubectl, live_pods, outcome, wait_until

STUDY = "small"


@pytest.fixture
def running(operator: str, namespace: str) -> str:
    """The small study, with two trials behind it."""
    apply(small_study(STUDY), namespace)
    wait_until("the third trial runs", lambda: running_pod(namespace, at_least=2), seconds=90)
    return namespace


def running_pod(namespace: str, *, at_least: int = 0) -> dict[str, Any] | None:
    """The pod that trains now, of a trial of at least that number."""
    for pod in get("pods", namespace=namespace, labels=STUDY_LABEL):
        number = int(pod["metadata"]["labels"]["tuning.stepladder.dev/trial"].rsplit("-", 1)[1])
        if pod["status"].get("phase") == "Running" and number >= at_least:
            return dict(pod)
    return None


def same_end(disturbed: Outcome, undisturbed: Outcome, *, lost_attempts: int = 0) -> None:
    """The promise. `lost_attempts`: segments whose process was killed, so that they ran twice in part."""
    assert disturbed.succeeded
    assert disturbed.best == undisturbed.best
    assert disturbed.curves == undisturbed.curves
    reported = [a for a in disturbed.attempts if a["reason"] == "Completed"]
    assert len(disturbed.attempts) - len(reported) <= lost_attempts, disturbed.attempts
    if not lost_attempts:
        assert disturbed.trained_steps == undisturbed.trained_steps == SMALL_STUDY_STEPS
    assert [t["status"]["steps"] for t in disturbed.trials] == [t["status"]["steps"] for t in undisturbed.trials]


def test_undisturbed(undisturbed: Outcome) -> None:
    assert undisturbed.succeeded
    assert undisturbed.trained_steps == SMALL_STUDY_STEPS
    assert sorted(t["status"]["outcome"] for t in undisturbed.trials) == ["Completed", *["Pruned"] * 8]


def test_operator_killed_at_random_moments(running: str, operator: str, undisturbed: Outcome) -> None:
    moments = random.Random(20)
    for _ in range(3):
        time.sleep(moments.uniform(1, 8))
        if finished(STUDY, running):
            break
        sigkill(operator_pod(operator))
    same_end(outcome(STUDY, running), undisturbed)


def test_trainer_pod_deleted(running: str, undisturbed: Outcome) -> None:
    pod = wait_until("a pod runs", lambda: running_pod(running))
    kubectl("delete", "pod", pod["metadata"]["name"], "-n", running, "--wait=false")
    ended = outcome(STUDY, running)
    same_end(ended, undisturbed, lost_attempts=1)
    assert all(t["status"].get("retries", 0) == 0 for t in ended.trials)


def test_trainer_killed(running: str, undisturbed: Outcome) -> None:
    pod = wait_until("a pod runs", lambda: running_pod(running))
    sigkill(pod)
    same_end(outcome(STUDY, running), undisturbed, lost_attempts=1)


def test_node_drained(running: str, undisturbed: Outcome) -> None:
    node = CONTROL_PLANE.name
    words = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=90s")
    try:
        kubectl("drain", node, *words)
        assert live_pods(running) == [] or all("nodeName" not in p["spec"] for p in live_pods(running))
    finally:
        kubectl("uncordon", node)
    same_end(outcome(STUDY, running), undisturbed, lost_attempts=1)


def test_optuna_database_deleted(running: str, operator: str, undisturbed: Outcome) -> None:
    erase_record(operator)
    same_end(outcome(STUDY, running), undisturbed)


def test_api_server_restarted(running: str, undisturbed: Outcome) -> None:
    lifecycle.stop("apiserver")
    time.sleep(5)
    lifecycle.start("apiserver")
    same_end(outcome(STUDY, running), undisturbed)


def test_operator_down_while_trials_end(running: str, operator: str, undisturbed: Outcome) -> None:
    kubectl("scale", "deploy/stepladder", "-n", operator, "--replicas=0")
    wait_until("the trial's pod ends without an operator", lambda: not live_pods(running), seconds=90)
    kubectl("scale", "deploy/stepladder", "-n", operator, "--replicas=1")
    same_end(outcome(STUDY, running), undisturbed)
