"""Every manifest of examples/, applied as it is: taken by the CRD, and then by the controller, which says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.homes import Home, eventually
from stepladder.api.conditions import ConditionType
from stepladder.control.controller import Controller
from stepladder.control.store import PODS, STUDIES, TRIALS, Object
from stepladder.local.manifest import read

FILES = sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml"))
EXAMPLES = [manifest for file in FILES for manifest in read(file.read_text())]


@pytest.mark.long
async def test_every_example_is_accepted(home: Home) -> None:
    """Catches an example that the CRD, its CEL rules or the controller would refuse. Nothing is trained: the claim that
    they all name is not there, which the controller says too."""
    assert len(EXAMPLES) >= 25
    async with _controlling(home):
        names = [await _applied(home, manifest) for manifest in EXAMPLES]

        async def judged() -> bool:
            return all([await _condition(home, name, ConditionType.ACCEPTED) for name in names])

        await eventually(judged, "the controller has looked at all of them")
        for name in names:
            accepted = await _condition(home, name, ConditionType.ACCEPTED)
            assert (name, accepted["status"], accepted["message"]) == (name, "True", "")
            degraded = await _condition(home, name, ConditionType.DEGRADED)
            assert (name, degraded["status"], degraded["reason"]) == (name, "True", "ClaimNotFound")
        assert (await home.store.list(TRIALS, home.namespace)).items == ()
        assert (await home.store.list(PODS, home.namespace)).items == ()


@asynccontextmanager
async def _controlling(home: Home) -> AsyncIterator[None]:
    running = asyncio.create_task(Controller(home.store, storage_url="memory://", namespace=home.namespace).run())
    try:
        yield
        assert not running.done(), "the controller has ended"
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _applied(home: Home, manifest: Object) -> str:
    metadata = {**manifest["metadata"], "namespace": home.namespace}
    name: str = (await home.store.create(STUDIES, {**manifest, "metadata": metadata}))["metadata"]["name"]
    return name


async def _condition(home: Home, name: str, kind: ConditionType) -> Object:
    status = (await home.store.get(STUDIES, home.namespace, name)).get("status") or {}
    return next((c for c in status.get("conditions", ()) if c["type"] == kind), {})
