"""One fixture: the home that a contract is checked in."""

import os
from collections.abc import AsyncIterator

import pytest
from contract.api_server import KUBECONFIG, api_server
from contract.homes import HOMES, Home

AVAILABLE = HOMES | ({"api-server": api_server} if os.environ.get(KUBECONFIG) else {})


@pytest.fixture(params=list(AVAILABLE))
async def home(request: pytest.FixtureRequest) -> AsyncIterator[Home]:
    """Every home in turn, empty. That of a real API server is there when the environment names one."""
    async with AVAILABLE[request.param]() as opened:
        yield opened
