"""What the store sends to the API server, and what it makes of the answers."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cluster_home.scripted import Scripted
from stepladder.api import names
from stepladder.cluster import transport
from stepladder.cluster.connection import ApiClient
from stepladder.cluster.feed import Feed
from stepladder.cluster.store import ApiServerStore
from stepladder.control.store import PODS, QUOTAS, TRIALS, Change, Unavailable

TRIAL = {"apiVersion": names.API_VERSION, "kind": "Trial", "metadata": {"name": "t", "namespace": "a"}}


@pytest.fixture
def store(client: ApiClient) -> ApiServerStore:
    return ApiServerStore(client, Feed())


def answering(server: Scripted, *answers: dict[str, Any], status: int = 200) -> None:
    """Give these answers in turn, and fail when there are no more."""
    left = iter(answers)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(next(left), status=status)

    server.answer = answer


def page(*items: str, version: str, follow: str = "") -> dict[str, Any]:
    return {
        "metadata": {"resourceVersion": version, **({"continue": follow} if follow else {})},
        "items": [{"metadata": {"name": name}} for name in items],
    }


async def test_a_list_reads_every_page_of_one_consistent_state(server: Scripted, store: ApiServerStore) -> None:
    """Stopping at the first page loses trials; a resourceVersion would allow a stale cache to answer."""
    answering(server, page("a", "b", version="7", follow="next"), page("c", version="7"))
    listing = await store.list(TRIALS, "space", {"b": "2", "a": "1"})
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b", "c"]
    assert listing.resource_version == 7
    first, second = server.seen
    assert first.path == f"/apis/{names.API_VERSION}/namespaces/space/trials"
    assert first.query == {"limit": "500", "labelSelector": "a=1,b=2"}
    assert second.query == first.query | {"continue": "next"}


async def test_listed_objects_say_what_they_are(server: Scripted, store: ApiServerStore) -> None:
    answering(server, page("a", version="1"))
    (item,) = (await store.list(QUOTAS)).items
    assert (item["apiVersion"], item["kind"]) == ("v1", "ResourceQuota")


async def test_only_the_pods_of_trials_are_listed(server: Scripted, store: ApiServerStore) -> None:
    """Served cluster-wide, every resync would else read all the pods of the cluster."""
    answering(server, page(version="1"), page(version="1"))
    await store.list(PODS)
    await store.list(PODS, "space", {"a": "1"})
    assert [seen.query["labelSelector"] for seen in server.seen] == [names.TRIAL_LABEL, f"a=1,{names.TRIAL_LABEL}"]


async def test_several_namespaces_are_listed_one_by_one_and_hold_since_the_oldest(
    server: Scripted, client: ApiClient
) -> None:
    """The newer version would let the cache drop a change of the first namespace as if it were old."""
    answering(server, page("a", version="5"), page("b", version="9"))
    listing = await ApiServerStore(client, Feed(), namespaces=["one", "two"]).list(QUOTAS)
    assert [seen.path for seen in server.seen] == [f"/api/v1/namespaces/{ns}/resourcequotas" for ns in ("one", "two")]
    assert len(listing.items) == 2
    assert listing.resource_version == 5


async def test_requests_carry_the_token(server: Scripted, store: ApiServerStore) -> None:
    answering(server, TRIAL)
    await store.get(TRIALS, "a", "t")
    assert server.seen[0].headers["Authorization"] == "bearer secret-token"


async def test_patches_say_what_kind_they_are_and_pin_the_version(server: Scripted, store: ApiServerStore) -> None:
    answering(server, TRIAL, TRIAL, TRIAL)
    await store.patch(TRIALS, "a", "t", {"metadata": {"labels": {"x": "y"}}}, resource_version="3")
    await store.patch_status(TRIALS, "a", "t", [{"op": "remove", "path": "/status/x"}], resource_version="3")
    await store.patch_status(TRIALS, "a", "t", {"status": {"steps": 1}})
    merge, operations, unpinned = server.seen
    assert merge.headers["Content-Type"] == "application/merge-patch+json"
    assert merge.body == {"metadata": {"labels": {"x": "y"}, "resourceVersion": "3"}}
    assert operations.headers["Content-Type"] == "application/json-patch+json"
    assert operations.path.endswith("/trials/t/status")
    assert operations.body[0] == {"op": "add", "path": "/metadata/resourceVersion", "value": "3"}
    assert operations.body[1] == {"op": "remove", "path": "/status/x"}
    assert unpinned.body == {"status": {"steps": 1}}


async def test_a_delete_does_not_wait_for_dependents_and_names_whom_it_means(
    server: Scripted, store: ApiServerStore
) -> None:
    answering(server, {"kind": "Status"})
    await store.delete(PODS, "a", "p", uid="u")
    assert server.seen[0].method == "DELETE"
    assert server.seen[0].body["preconditions"] == {"uid": "u"}
    assert server.seen[0].body["propagationPolicy"] == "Background"


async def test_nothing_is_retried(server: Scripted, store: ApiServerStore) -> None:
    """A POST that is sent twice upsets the quota's count; retries are the reconciler's, with back-off."""
    answering(server, {"message": "no"}, {"message": "no"}, status=500)
    with pytest.raises(Unavailable):
        await store.get(TRIALS, "a", "t")
    with pytest.raises(Unavailable):
        await store.create(TRIALS, TRIAL)
    assert [seen.method for seen in server.seen] == ["GET", "POST"]


async def test_a_refused_connection_is_unavailable(store: ApiServerStore, server: Scripted) -> None:
    unreachable = ApiServerStore(store._client, Feed())  # noqa: SLF001 - to point the same client elsewhere
    unreachable._client.configuration.host = "http://127.0.0.1:1"  # noqa: SLF001 - likewise
    with pytest.raises(Unavailable, match="GET /apis/tuning"):
        await unreachable.get(TRIALS, "a", "t")


async def test_an_answer_that_does_not_come_is_unavailable(
    server: Scripted, store: ApiServerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a limit the reconciler would hang with it."""
    closing = asyncio.Event()

    async def never(_: web.Request) -> web.Response:
        await closing.wait()
        raise web.HTTPServiceUnavailable

    server.answer = never
    monkeypatch.setattr(transport, "TIMEOUT", aiohttp.ClientTimeout(total=0.05))
    with pytest.raises(Unavailable, match="TimeoutError"):
        await store.get(TRIALS, "a", "t")
    closing.set()


async def test_an_answer_cut_short_is_unavailable(server: Scripted, store: ApiServerStore) -> None:
    async def cut(_: web.Request) -> web.Response:
        return web.Response(body=json.dumps(TRIAL)[:-5].encode(), content_type="application/json")

    server.answer = cut
    with pytest.raises(Unavailable):
        await store.get(TRIALS, "a", "t")


async def test_no_write_passes_the_fence(server: Scripted, client: ApiClient) -> None:
    """A process that has lost its lease may read, but a write could undo what the new leader did."""

    class Lost(Exception):
        """Stands for the end of the process."""

    def fence() -> None:
        raise Lost

    store = ApiServerStore(client, Feed(), fence=fence)
    answering(server, TRIAL)
    await store.get(TRIALS, "a", "t")
    for write in (
        store.create(TRIALS, TRIAL),
        store.patch(TRIALS, "a", "t", {}),
        store.patch_status(TRIALS, "a", "t", []),
        store.delete(TRIALS, "a", "t"),
    ):
        with pytest.raises(Lost):
            await write
    assert [seen.method for seen in server.seen] == ["GET"]


async def test_changes_are_kept_from_the_call_on_in_order_for_every_subscriber(client: ApiClient) -> None:
    """Subscribing only at the first iteration would lose what happens between the two."""
    feed = Feed()
    store = ApiServerStore(client, feed)
    feed.publish(Change("ADDED", TRIALS, {"n": 0}))
    subscribers = [store.changes(), store.changes()]
    for number in (1, 2):
        await asyncio.to_thread(feed.publish, Change("MODIFIED", TRIALS, {"n": number}))
    for changes in subscribers:
        assert [(await anext(changes)).object["n"] for _ in range(2)] == [1, 2]
