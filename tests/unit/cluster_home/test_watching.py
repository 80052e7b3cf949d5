"""kopf, as it is embedded: what it watches, what it may not do, and that it never fails in silence."""

import asyncio
import getpass
import itertools
import json
from typing import Any, NoReturn

import pytest
from aiohttp import web

from cluster_home.scripted import Scripted, configuration
from stepladder.api import names
from stepladder.cluster.connection import Configuration
from stepladder.cluster.watching import Backoffs, Watch, WatchEnded, change, settings
from stepladder.control.store import PODS, TRIALS, WATCHED, Change, Resource

TRIAL = {"metadata": {"name": "t", "uid": "u", "resourceVersion": "5"}, "kind": "Trial"}


@pytest.mark.parametrize(
    ("kopfs", "ours"), [(None, "ADDED"), ("ADDED", "ADDED"), ("MODIFIED", "MODIFIED"), ("DELETED", "DELETED")]
)
def test_a_listed_object_is_a_change_too(kopfs: str | None, ours: str) -> None:
    """Dropped, no study that exists when the operator starts would be reconciled before the first resync."""
    made = change(PODS, {"type": kopfs, "object": {"metadata": {"name": "p"}}})
    assert made == Change(ours, PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}})  # type: ignore[arg-type]  # parametrized


def test_the_delays_between_attempts_never_end_and_start_anew() -> None:
    """Where kopf runs out of delays it ends the process; an exhausted iterator would end it at the second outage."""
    delays = Backoffs()
    for _ in range(2):
        first = list(itertools.islice(delays, 1000))
        assert first[0] == 1
        assert max(first) == first[-1] == 30
    assert not hasattr(delays, "__len__")  # kopf counts those that have one


def test_kopf_may_not_stall_nor_write_nor_ask_for_more_rights() -> None:
    made = settings()
    assert not made.posting.enabled
    assert made.scanning.disabled
    timeouts = (made.watching.server_timeout, made.watching.client_timeout, made.watching.connect_timeout)
    assert all(isinstance(seconds, int) for seconds in timeouts)  # the API server refuses timeoutSeconds=300.0
    assert made.watching.inactivity_timeout == 70
    assert isinstance(made.networking.error_backoffs, Backoffs)


class Cluster:
    """Discovery, lists and watches, as far as kopf needs them. `events` are sent on every watch of trials."""

    def __init__(self, *events: dict[str, Any], watches: int = len(WATCHED)) -> None:
        self.events = events
        self.watches = watches
        self.over = asyncio.Event()
        self.watched: set[str] = set()
        self.complete = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        groups = {resource.group: resource for resource in WATCHED if resource.group}
        match request.path:
            case "/api":
                return web.json_response({"versions": ["v1"]})
            case "/apis":
                versions = {g: {"groupVersion": r.api_version, "version": r.version} for g, r in groups.items()}
                found = [{"name": g, "preferredVersion": v, "versions": [v]} for g, v in versions.items()]
                return web.json_response({"groups": found})
            case "/api/v1":
                core = [Resource("", "v1", "namespaces", "Namespace"), Resource("", "v1", "events", "Event")]
                return self.resources(*core, *(resource for resource in WATCHED if not resource.group))
            case path if path in (f"/apis/{resource.api_version}" for resource in groups.values()):
                return self.resources(*(r for r in WATCHED if path == f"/apis/{r.api_version}"))
            case _ if "watch" in request.query:
                return await self.watch(request)
            case path:
                items = [TRIAL] if path.endswith("/trials") else []
                return web.json_response({"metadata": {"resourceVersion": "5"}, "items": items})

    def resources(self, *served: Resource) -> web.Response:
        # Not patch: stateless handlers do without.
        every = {"verbs": ["get", "list", "watch"], "singularName": ""}
        resources = [{"name": r.plural, "kind": r.kind, "namespaced": r.plural != "namespaces"} | every for r in served]
        return web.json_response({"resources": resources})

    async def watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self.watched.add(request.path)
        if len(self.watched) == self.watches:
            self.complete.set()
        if request.path.endswith("/trials"):
            for event in self.events:
                await response.write(json.dumps(event).encode() + b"\n")
        await self.over.wait()
        return response


async def watch(server: Scripted, cluster: Cluster, *, until: int, namespaces: tuple[str, ...] = ()) -> list[Change]:
    """Watch the scripted cluster until so many changes have come, and every watch has begun."""
    server.answer = cluster.answer
    changes: asyncio.Queue[Change] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def publish(made: Change) -> None:
        loop.call_soon_threadsafe(changes.put_nowait, made)

    async def configure() -> Configuration:
        return configuration(server)

    running = asyncio.create_task(Watch(configure, publish, namespaces).run())

    async def receive() -> list[Change]:
        received = [await changes.get() for _ in range(until)]
        await cluster.complete.wait()
        return received

    received = asyncio.create_task(receive())
    try:
        await asyncio.wait({running, received}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            received.cancel()
            await running
        return await received
    finally:
        running.cancel()
        await asyncio.wait({running})
        cluster.over.set()


async def test_all_kinds_are_watched_and_of_those_of_others_only_what_is_ours(server: Scripted) -> None:
    modified = TRIAL | {"metadata": {**TRIAL["metadata"], "resourceVersion": "6"}}  # type: ignore[dict-item]  # a map
    changes = await watch(server, Cluster({"type": "MODIFIED", "object": modified}), until=2)
    assert [(made.type, made.object["metadata"]["resourceVersion"]) for made in changes] == [
        ("ADDED", "5"),
        ("MODIFIED", "6"),
    ]
    assert changes[0].resource == TRIALS
    lists = {seen.path: seen.query.get("labelSelector") for seen in server.seen if "limit" in seen.query}
    assert lists == {
        "/api/v1/pods": names.TRIAL_LABEL,
        "/api/v1/resourcequotas": None,
        "/api/v1/services": names.STUDY_LABEL,
        "/apis/apps/v1/deployments": names.STUDY_LABEL,
        f"/apis/{names.API_VERSION}/trials": None,
        f"/apis/{names.API_VERSION}/tuningstudies": None,
    }
    assert {seen.method for seen in server.seen} == {"GET"}


async def test_a_user_without_a_name_may_watch(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the image, and on OpenShift with any image, the user's number is in no /etc/passwd."""

    def nameless() -> NoReturn:
        raise KeyError("getpwuid(): uid not found: 65532")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert await watch(server, Cluster(), until=1)


async def test_only_the_namespaces_that_are_served_are_watched(server: Scripted) -> None:
    """A namespaced installation has no right to list anything in the cluster."""
    await watch(server, Cluster(watches=2 * len(WATCHED)), until=2, namespaces=("one", "two"))
    paths = {seen.path for seen in server.seen if "limit" in seen.query}
    assert f"/apis/{names.API_VERSION}/namespaces/two/trials" in paths
    assert all("/namespaces/one/" in path or "/namespaces/two/" in path for path in paths)


async def test_a_watch_error_that_kopf_cannot_pass_over_ends_the_watch(server: Scripted) -> None:
    """An operator that no longer watches, and does not say so, is the worst of its failures."""
    broken = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd is on fire"}}
    with pytest.raises(WatchEnded, match="etcd is on fire"):
        await watch(server, Cluster(broken), until=2)


async def test_a_login_that_fails_ends_the_watch() -> None:
    """kopf by itself would wait for credentials that nobody brings any more."""

    async def configure() -> Configuration:
        raise OSError("no service account")

    with pytest.raises(WatchEnded, match="no service account"):
        await asyncio.wait_for(Watch(configure, lambda _: None).run(), 30)
