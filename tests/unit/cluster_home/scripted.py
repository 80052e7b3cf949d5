"""A scripted API server."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from kubernetes.aio import client


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any


async def unexpected(request: web.Request) -> web.StreamResponse:
    """Until the test says what to answer."""
    raise NotImplementedError(request.path)


@dataclass
class Scripted:
    """Answers what the test makes it answer, and remembers what it was asked."""

    host: str = ""
    seen: list[Seen] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = unexpected

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.seen.append(Seen(request.method, request.path, dict(request.query), request.headers, body))
        return await self.answer(request)


def configuration(server: Scripted) -> Any:
    """Credentials for the scripted server."""
    made: Any = client.Configuration(host=server.host)
    made.api_key["BearerToken"] = "bearer secret-token"
    return made
