"""One fixture: the home that a contract is checked in."""

from collections.abc import AsyncIterator

import pytest
from contract.homes import HOMES, Home


@pytest.fixture(params=list(HOMES))
async def home(request: pytest.FixtureRequest) -> AsyncIterator[Home]:
    """Every home in turn, empty."""
    async with HOMES[request.param]() as opened:
        yield opened
