"""A scripted API server on a free port, and a client of it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cluster_home.scripted import Scripted, configuration
from stepladder.cluster.connection import ApiClient, api_client


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", scripted.handle)
    async with TestServer(application) as started:
        scripted.host = str(started.make_url("")).rstrip("/")
        yield scripted


@pytest.fixture
async def client(server: Scripted) -> AsyncIterator[ApiClient]:
    made = api_client(configuration(server))
    yield made
    await made.close()
