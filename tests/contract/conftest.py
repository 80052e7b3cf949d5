"""One fixture: the home that a contract is checked in."""

from collections.abc import AsyncIterator

import pytest

from contract.api_server import api_server
from contract.homes import Home, memory

HOMES = {"memory": memory, "api-server": api_server}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In memory; with --cluster on the real API server instead."""
    if "home" in metafunc.fixturenames:
        metafunc.parametrize(
            "home", ["api-server" if metafunc.config.getoption("--cluster") else "memory"], indirect=True
        )


@pytest.fixture
async def home(request: pytest.FixtureRequest) -> AsyncIterator[Home]:
    """The home, empty."""
    async with HOMES[request.param]() as opened:
        yield opened
