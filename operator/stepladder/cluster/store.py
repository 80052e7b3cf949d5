"""The ObjectStore on a real API server."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from stepladder.api import names
from stepladder.cluster import transport
from stepladder.cluster.connection import ApiClient
from stepladder.cluster.feed import Feed
from stepladder.control.store import DEPLOYMENTS, PODS, SERVICES, Change, Listing, Object, Patch, Resource

# As kubectl's: small enough for the API server to answer at once, large enough that 10,000 trials take 20 requests.
PAGE: Final = 500

# Of a cluster's pods only those of trials are listed and watched, of Deployments and Services those of studies.
SELECTED: Final = {PODS: names.TRIAL_LABEL, DEPLOYMENTS: names.STUDY_LABEL, SERVICES: names.STUDY_LABEL}


def _unfenced() -> None:
    """Without leader election every write is allowed."""


class ApiServerStore:
    """Objects as the API server has them; see `ObjectStore` for the contract.

    `namespaces` are those that `list` covers when it is given none; empty means the whole cluster.
    `fence` is called before every write, and does not return if this process may no longer write.
    """

    def __init__(
        self,
        client: ApiClient,
        feed: Feed,
        *,
        namespaces: Sequence[str] = (),
        fence: Callable[[], None] = _unfenced,
    ) -> None:
        self._client = client
        self._feed = feed
        self._namespaces = tuple(namespaces)
        self._fence = fence

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """GET without a resourceVersion: etcd's newest, never a cache's."""
        return await self._request("GET", resource, namespace, name)

    async def list(
        self, resource: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Listing:
        """Read page by page at one resourceVersion; of several namespaces, the oldest of theirs is returned."""
        scopes: Sequence[str | None] = [namespace] if namespace else self._namespaces or [None]
        listings = [await self._list(resource, scope, labels or {}) for scope in scopes]
        items = tuple(item for listing in listings for item in listing.items)
        return Listing(items, min(listing.resource_version for listing in listings))

    async def create(self, resource: Resource, manifest: Object) -> Object:
        """POST. A conflict over the quota's count is Unavailable: the object was not made, and may be on a retry."""
        return await self._request("POST", resource, manifest["metadata"]["namespace"], body=manifest)

    async def patch(
        self, resource: Resource, namespace: str, name: str, patch: Patch, *, resource_version: str | None = None
    ) -> Object:
        """PATCH, as a merge patch or a JSON patch by the patch's type."""
        return await self._patch(resource, namespace, name, "", patch, resource_version)

    async def patch_status(
        self, resource: Resource, namespace: str, name: str, patch: Patch, *, resource_version: str | None = None
    ) -> Object:
        """PATCH the status subresource."""
        return await self._patch(resource, namespace, name, "status", patch, resource_version)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str | None = None) -> None:
        """DELETE in the background: the garbage collector takes the dependents, and nothing waits for them."""
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        await self._request("DELETE", resource, namespace, name, body=options)

    def changes(self) -> AsyncIterator[Change]:
        """What the watches report from now on; at their start, every object that exists comes as ADDED."""
        return self._feed.subscribe()

    async def _list(self, resource: Resource, namespace: str | None, labels: Mapping[str, str]) -> Listing:
        query = [("limit", str(PAGE))]
        selector = [f"{key}={value}" for key, value in sorted(labels.items())]
        selector += [SELECTED[resource]] if resource in SELECTED else []
        if selector:
            query.append(("labelSelector", ",".join(selector)))
        items: list[Object] = []
        follow: list[tuple[str, str]] = []
        while True:
            page = await self._request("GET", resource, namespace, query=query + follow)
            # The items of a list of built-in objects do not say what they are.
            kind = {"apiVersion": resource.api_version, "kind": resource.kind}
            items.extend(kind | item for item in page.get("items") or ())
            token = page["metadata"].get("continue")
            if not token:
                return Listing(tuple(items), int(page["metadata"]["resourceVersion"]))
            follow = [("continue", token)]

    async def _patch(
        self, resource: Resource, namespace: str, name: str, subresource: str, patch: Patch, version: str | None
    ) -> Object:
        if isinstance(patch, Mapping):
            body: Patch = _at_version(patch, version)
            content_type = transport.MERGE_PATCH
        else:
            # Not a `test`: when one fails, the answer is a 422 that looks like any other patch that does not fit.
            pin = [] if version is None else [{"op": "add", "path": "/metadata/resourceVersion", "value": version}]
            body = [*pin, *patch]
            content_type = transport.JSON_PATCH
        return await self._request(
            "PATCH", resource, namespace, name, subresource, body=body, content_type=content_type
        )

    async def _request(
        self,
        method: str,
        resource: Resource,
        namespace: str | None,
        name: str = "",
        subresource: str = "",
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Patch | None = None,
        content_type: str = transport.JSON,
    ) -> Object:
        if method != "GET":
            self._fence()
        return await transport.request(
            self._client,
            method,
            path(resource, namespace, name, subresource),
            resource="/".join(filter(None, (resource.plural, subresource))),
            query=query,
            body=body,
            content_type=content_type,
        )


def path(resource: Resource, namespace: str | None, name: str = "", subresource: str = "") -> str:
    """Where the API server serves it; without a namespace, the whole cluster's."""
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.api_version}"
    scope = ["namespaces", quote(namespace, safe="")] if namespace else []
    return "/".join(filter(None, [root, *scope, resource.plural, quote(name, safe=""), subresource]))


def _at_version(patch: Mapping[str, Any], version: str | None) -> Mapping[str, Any]:
    if version is None:
        return patch
    return {**patch, "metadata": {**(patch.get("metadata") or {}), "resourceVersion": version}}
