"""The home on a real API server: a namespace of its own for every test, watched through kopf."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from cluster.layout import KUBECONFIG
from contract import homes
from stepladder.api import names
from stepladder.cluster import transport
from stepladder.cluster.connection import api_client, configure
from stepladder.cluster.feed import Feed
from stepladder.cluster.store import ApiServerStore, path
from stepladder.cluster.watching import TLS_CLOSING, Watch
from stepladder.control.store import DEPLOYMENTS, PODS, QUOTAS, SERVICES, STUDIES, TRIALS


@asynccontextmanager
async def api_server() -> AsyncIterator["homes.Home"]:
    """A namespace that nobody else uses, on the test cluster: it must be up, with the CRDs and without an operator."""
    namespace = f"contract-{secrets.token_hex(4)}"
    client, feed = api_client(await configure(KUBECONFIG)), Feed()
    store = ApiServerStore(client, feed, namespaces=[namespace])
    send = partial(transport.request, client, resource="contract")

    async def bind(name: str) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": homes.NODE}
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        await send("POST", path(PODS, namespace, name, "binding"), body=body)

    async def finish(name: str) -> None:
        await send("DELETE", path(PODS, namespace, name), body={"gracePeriodSeconds": 0})

    named = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    await send("POST", "/api/v1/namespaces", body=named)
    watching = asyncio.create_task(Watch(partial(configure, KUBECONFIG), feed.publish, [namespace]).run())
    try:
        home = homes.Home(store, namespace, bind, finish)
        await _watched(home)
        yield home
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        await send("DELETE", f"/api/v1/namespaces/{namespace}", body={})
        await client.close()
        await asyncio.sleep(TLS_CLOSING)


async def _watched(home: "homes.Home") -> None:
    """Return when an object of every watched kind has come and gone through the watches: all of them have started."""
    markers = {
        STUDIES: homes.study(home.namespace, "marker"),
        TRIALS: homes.trial(home.namespace, "marker"),
        PODS: homes.pod(home.namespace, "marker", labels={names.TRIAL_LABEL: "marker"}),
        QUOTAS: homes.quota(home.namespace, 1, "marker"),
        DEPLOYMENTS: homes.deployment(home.namespace, "marker"),
        SERVICES: homes.service(home.namespace, "marker"),
    }
    changes = home.store.changes()
    for resource, marker in markers.items():
        await home.store.create(resource, marker)
    awaited = set(markers)
    async with asyncio.timeout(30):
        async for change in changes:
            if change.type == "ADDED" and change.resource in awaited:
                await home.store.delete(change.resource, home.namespace, "marker")
            elif change.type == "DELETED":
                awaited.discard(change.resource)
                if not awaited:
                    return
