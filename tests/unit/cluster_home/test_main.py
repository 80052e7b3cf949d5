"""The process: it ends when a part ends, it stops when it is told to, and it says how it is."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from cluster_home.scripted import Scripted, configuration
from stepladder.api import names
from stepladder.cluster import main
from stepladder.cluster.connection import Configuration
from stepladder.cluster.main import Options, operate

OPTIONS = Options(
    namespaces=(),
    storage_url="sqlite://",
    leader_elect=False,
    lease_namespace="stepladder-system",
    lease_name="stepladder",
    identity="me",
    metrics_port=0,
    health_port=0,
)


class Part:
    """Stands for the controller or the watch: does what the test says, and remembers how it was made."""

    def __init__(self, does: Callable[[], Awaitable[None]]) -> None:
        self.does = does
        self.made: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.running = asyncio.Event()
        self.cancelled = False
        self.queue = ["waiting", "waiting too"]

    def __call__(self, *args: Any, **kwargs: Any) -> "Part":
        self.made.append((args, kwargs))
        return self

    async def run(self) -> None:
        self.running.set()
        try:
            await self.does()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ValueError("broken")


async def nothing() -> None:
    """Returns, as no part should."""


@pytest.fixture
def parts(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> dict[str, Part]:
    """An API server that knows our kinds, and stand-ins for what runs in the process."""

    async def discovery(_: web.Request) -> web.Response:
        return web.json_response({"resources": [{"name": "tuningstudies"}, {"name": "trials"}]})

    async def configure(_: object) -> Configuration:
        return configuration(server)

    server.answer = discovery
    made = {"controller": Part(for_ever), "watch": Part(for_ever)}
    monkeypatch.setattr(main, "configure", configure)
    monkeypatch.setattr(main, "Controller", made["controller"])
    monkeypatch.setattr(main, "Watch", made["watch"])
    return made


@pytest.mark.parametrize("broken", ["controller", "watch"])
@pytest.mark.parametrize("does", [fail, nothing])
async def test_when_one_part_ends_all_end_and_the_exit_code_says_so(
    parts: dict[str, Part], broken: str, does: Callable[[], Awaitable[None]]
) -> None:
    """An operator without its watch would look alive and do nothing."""
    parts[broken].does = does
    (other,) = parts.keys() - {broken}
    assert await asyncio.wait_for(operate(OPTIONS), 10) == 1
    assert parts[other].cancelled


async def test_sigterm_stops_the_parts_and_is_no_failure(parts: dict[str, Part]) -> None:
    running = asyncio.create_task(operate(OPTIONS))
    await parts["controller"].running.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 10) == 0
    assert parts["controller"].cancelled
    assert parts["watch"].cancelled


@pytest.mark.parametrize(("served", "controllers"), [((), None), (("one",), "one"), (("one", "two"), None)])
async def test_the_namespaces_reach_the_watch_and_the_controller(
    parts: dict[str, Part], served: tuple[str, ...], controllers: str | None
) -> None:
    parts["controller"].does = nothing
    await operate(replace(OPTIONS, namespaces=served))
    assert parts["watch"].made[0][0][2] == served
    assert parts["controller"].made[0][1] == {"storage_url": "sqlite://", "namespace": controllers}


async def test_nothing_starts_before_the_crds_are_there(
    parts: dict[str, Part], server: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """kopf looks for its resources once only: started earlier, it would never watch them."""
    asked = 0

    async def later(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            return web.json_response({"message": "the server could not find the requested resource"}, status=404)
        resources = [{"name": "trials"}, {"name": "tuningstudies"}][: asked - 1]
        return web.json_response({"resources": resources})

    server.answer = later
    monkeypatch.setattr(main, "RETRY", 0)
    parts["controller"].does = nothing
    await operate(OPTIONS)
    assert asked == 3
    assert f"waiting for the CRDs of {names.API_VERSION}" in caplog.text
    assert "crds.enabled=true" in caplog.text


async def test_a_standby_does_nothing_and_is_healthy(parts: dict[str, Part], server: Scripted) -> None:
    """The lease is another's: no controller, no watch, and yet the kubelet must not restart it."""
    spec = {"holderIdentity": "another", "leaseDurationSeconds": 15}
    asked = asyncio.Event()

    async def held(request: web.Request) -> web.Response:
        assert request.method == "GET"
        asked.set()
        return web.json_response({"metadata": {"resourceVersion": "1"}, "spec": spec})

    server.answer = held
    port = unused_port()
    running = asyncio.create_task(operate(replace(OPTIONS, leader_elect=True, health_port=port)))
    await asked.wait()
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as response:
        assert (response.status, await response.text()) == (200, "ok")
    assert not parts["controller"].made
    assert not parts["watch"].made
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(running, 10) == 0


async def test_health_names_the_part_that_has_ended() -> None:
    """Should the end of the process hang, the kubelet has to end it."""
    alive, dead = asyncio.create_task(for_ever(), name="watch"), asyncio.create_task(nothing(), name="controller")
    await dead
    assert main.ended([alive]) is None
    assert main.ended([alive, dead]) == "the controller has ended"
    alive.cancel()


async def test_metrics_are_served(parts: dict[str, Part]) -> None:
    port = unused_port()
    running = asyncio.create_task(operate(replace(OPTIONS, metrics_port=port)))
    await parts["controller"].running.wait()
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        text = await response.text()
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert "stepladder_operator_up 1.0" in text
    assert "stepladder_operator_queue_depth 2.0" in text
    assert 'stepladder_operator_api_requests_total{code="200",resource="discovery",verb="GET"}' in text
