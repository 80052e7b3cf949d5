"""Requests to the API server in raw JSON: the client library authenticates and connects, but decodes no models."""

import json
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Final

import aiohttp

from stepladder import telemetry
from stepladder.cluster.connection import ApiClient
from stepladder.cluster.refusals import refusal
from stepladder.control.store import StoreError, Unavailable

# Seconds. Longer than the API server's own limit for a slow list would only hide an outage from the reconciler.
TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=5)

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"


async def request(
    client: ApiClient,
    method: str,
    path: str,
    *,
    resource: str,
    query: Sequence[tuple[str, str]] = (),
    body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    content_type: str = JSON,
) -> dict[str, Any]:
    """Send one request, never retried, and return the decoded answer. `resource` labels the metrics.

    Raises:
        StoreError: one of its kinds, by `refusals`; `Unavailable` if no answer came in time.
    """
    started = perf_counter()
    code = "none"
    try:
        _, url, headers, _, _ = await client.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params={"Content-Type": content_type, "Accept": JSON},
            auth_settings=["BearerToken"],
        )
        response = await client.call_api(method, url, headers, body, _request_timeout=TIMEOUT)
        code = str(response.status)
        content: bytes = await response.read()
        if not 200 <= response.status < 300:
            raise refusal(response.status, content)
        answer: dict[str, Any] = json.loads(content)
    except StoreError:
        raise
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise Unavailable(f"{method} {path}: {type(error).__name__}: {error}") from error
    else:
        return answer
    finally:
        telemetry.API_REQUESTS.labels(verb=method, resource=resource, code=code).inc()
        telemetry.API_REQUEST_SECONDS.labels(verb=method, resource=resource).observe(perf_counter() - started)
