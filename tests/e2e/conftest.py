"""The operator, installed once with Helm, and a namespace with a checkpoint claim for every test."""

import re
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from cluster.build import HELM
from cluster.layout import KUBECONFIG
from e2e.manifests import ROOT, claim, small_study
from e2e.observe import Outcome, Refused, apply, kubectl, outcome

SYSTEM = "stepladder-system"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


def helm(*words: str) -> str:
    """Standard output of helm, with the test cluster's own kubeconfig."""
    command = [str(HELM), f"--kubeconfig={KUBECONFIG}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def operator() -> Iterator[str]:
    """The operator, in a namespace that enforces restricted pod security; its Deployment's namespace."""
    kubectl("create", "namespace", SYSTEM)
    kubectl("label", "namespace", SYSTEM, RESTRICTED)
    chart = str(ROOT / "charts" / "stepladder")
    helm("install", "stepladder", chart, "-n", SYSTEM, "--set", "image.tag=dev", "--take-ownership", "--wait")
    yield SYSTEM
    helm("uninstall", "stepladder", "-n", SYSTEM, "--wait")
    kubectl("delete", "namespace", SYSTEM, "--wait=true")


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, restricted too, with a claim named checkpoints."""
    yield from _namespace(request.node.name)


@pytest.fixture(scope="module")
def module_namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same, shared by a module."""
    yield from _namespace(request.module.__name__.rsplit(".", 1)[-1])


def _namespace(title: str) -> Iterator[str]:
    name = f"{re.sub('[^a-z0-9]+', '-', title.removeprefix('test_').lower())[:40].strip('-')}-{secrets.token_hex(2)}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, RESTRICTED)
    apply(claim(), name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def undisturbed(operator: str) -> Iterator[Outcome]:
    """The small study as it ends when nobody disturbs it: what every fault test is held against."""
    for name in _namespace("undisturbed"):
        apply(small_study("small"), name)
        yield outcome("small", name)


@pytest.fixture(autouse=True)
def _operator_stays_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test the operator must be there for the next one."""
    yield
    if "operator" in request.fixturenames:
        try:
            kubectl("rollout", "status", "deploy/stepladder", "-n", SYSTEM, "--timeout=120s", timeout=130)
        except Refused as error:
            pytest.fail(f"the operator did not come back: {error}")
