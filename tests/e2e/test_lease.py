"""Two operators: the second does nothing while the first holds the Lease, and takes over when it is gone."""

from e2e.conftest import helm
from e2e.manifests import ROOT, small_study
from e2e.observe import Outcome, apply, get, kubectl, outcome, wait_until


def writes(namespace: str, pod: str) -> float:
    """How many API writes a replica has made, by its own metrics."""
    read = "import urllib.request; print(urllib.request.urlopen('http://localhost:8080/metrics').read().decode())"
    text = kubectl("exec", "-n", namespace, pod, "--", "python", "-c", read)
    lines = [line for line in text.splitlines() if line.startswith("stepladder_operator_api_requests_total")]
    written = [line for line in lines if 'verb="GET"' not in line and 'resource="leases"' not in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in written)


def replicas(namespace: str) -> list[str]:
    pods = get("pods", namespace=namespace, labels="app.kubernetes.io/name=stepladder")
    return [p["metadata"]["name"] for p in pods if p["status"]["phase"] == "Running"]


def holder(namespace: str) -> str:
    return str(get("lease", "stepladder", namespace=namespace)["spec"].get("holderIdentity") or "")


def test_the_standby_waits_and_takes_over(operator: str, namespace: str, undisturbed: Outcome) -> None:
    chart = str(ROOT / "charts" / "stepladder")
    settings = ("--reuse-values", "--set", "replicas=2,storage.persistence.enabled=false")
    helm("upgrade", "stepladder", chart, "-n", operator, *settings, "--wait", "--timeout", "120s")
    try:
        pods = wait_until("two replicas run", lambda: p if len(p := replicas(operator)) == 2 else None)
        leader = wait_until("one holds the lease", lambda: next((p for p in pods if p in holder(operator)), None))
        standby = next(p for p in pods if p != leader)
        apply(small_study("small"), namespace)
        wait_until("three trials exist", lambda: len(get("trials", namespace=namespace)) >= 3, seconds=60)
        assert writes(operator, leader) > 0
        assert writes(operator, standby) == 0
        kubectl("delete", "pod", leader, "-n", operator, "--grace-period=0", "--force")
        wait_until("the standby holds the lease", lambda: standby in holder(operator), seconds=60)
        ended = outcome("small", namespace)
        assert ended.best == undisturbed.best
        assert ended.curves == undisturbed.curves
    finally:
        settings = ("--reuse-values", "--set", "replicas=1,storage.persistence.enabled=true")
        helm("upgrade", "stepladder", chart, "-n", operator, *settings, "--wait", "--timeout", "120s")
