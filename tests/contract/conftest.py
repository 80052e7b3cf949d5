"""The home that a contract is checked in."""

from collections.abc import AsyncIterator, Iterator

import pytest

from cluster import kubectl
from cluster.layout import REPOSITORY
from contract.api_server import api_server
from contract.homes import Home, memory

CRDS = ("crd/tuningstudies.tuning.stepladder.dev", "crd/trials.tuning.stepladder.dev")
HOMES = {"memory": memory, "api-server": api_server}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In memory; with --cluster on the real API server instead."""
    if "home" in metafunc.fixturenames:
        metafunc.parametrize(
            "home", ["api-server" if metafunc.config.getoption("--cluster") else "memory"], indirect=True
        )


@pytest.fixture(scope="session")
def crds(request: pytest.FixtureRequest) -> Iterator[None]:
    """On the cluster as they are in crds/, and gone afterwards, unless an installation brought them."""
    if not request.config.getoption("--cluster"):
        yield
        return
    installed = kubectl.succeeds("get", *CRDS)
    kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(REPOSITORY / "crds"))
    kubectl.run("wait", "--for=condition=Established", "--timeout=30s", *CRDS)
    yield
    if not installed:
        kubectl.run("delete", "--timeout=60s", *CRDS)


@pytest.fixture
async def home(request: pytest.FixtureRequest, crds: None) -> AsyncIterator[Home]:
    """The home, empty."""
    async with HOMES[request.param]() as opened:
        yield opened
