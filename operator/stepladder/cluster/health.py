"""The two small HTTP servers of the operator: /healthz and /readyz for the kubelet, /metrics for Prometheus."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST


def health(ailing: Callable[[], str | None]) -> web.Application:
    """Answers 200, or 500 and the reason that `ailing` gives. A blocked event loop does not answer at all, so that the
    kubelet's probe times out. A replica that stands by is healthy, and ready to take over."""

    async def answer(_: web.Request) -> web.Response:
        reason = ailing()
        return web.Response(status=500 if reason else 200, text=reason or "ok")

    application = web.Application()
    application.add_routes([web.get("/healthz", answer), web.get("/readyz", answer)])
    return application


def metrics() -> web.Application:
    """The whole registry of this process, in Prometheus' text format."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/metrics", answer)])
    return application


@asynccontextmanager
async def serving(application: web.Application, port: int) -> AsyncIterator[None]:
    """Serve on all addresses meanwhile."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()
