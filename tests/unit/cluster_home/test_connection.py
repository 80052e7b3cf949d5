"""Credentials, and that they are read again."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio import client
from kubernetes.aio.config import incluster_config

from cluster_home.scripted import Scripted
from stepladder.cluster.connection import Configuration, configure, login


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pod's service account."""
    certificate = Path(str(__import__("certifi").where())).read_text()
    for name, content in (("token", "first"), ("ca.crt", certificate)):
        (tmp_path / name).write_text(content)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    return tmp_path


def a_minute_later(configuration: Configuration) -> None:
    """The library reads the file at most once a minute, by a clock of its own."""
    loader = configuration.refresh_api_key_hook.__closure__[0].cell_contents
    loader.token_expires_at = datetime.now()


async def test_in_a_pod_the_service_account_is_used(account: Path) -> None:
    configuration = await configure()
    assert configuration.host == "https://10.0.0.1:443"
    assert configuration.ssl_ca_cert == str(account / "ca.crt")
    assert await configuration.get_api_key_with_prefix("BearerToken") == "bearer first"


async def test_the_store_reads_a_rotated_token(account: Path) -> None:
    """A token bound to a pod rotates within the hour, and the old one is refused soon after."""
    configuration = await configure()
    (account / "token").write_text("second")
    a_minute_later(configuration)
    assert await configuration.get_api_key_with_prefix("BearerToken") == "bearer second"


async def test_kopf_reads_a_rotated_token_and_keeps_its_connections(account: Path, server: Scripted) -> None:
    """kopf asks for credentials only once; when they are renewed, it closes the connections of all its watches."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    server.answer = answer
    configuration = await configure()
    session = await login(configuration)
    assert (session.server, session.expiration) == ("https://10.0.0.1:443", None)
    async with session.aiohttp_session as http:
        await http.get(f"{server.host}/")
        (account / "token").write_text("second")
        a_minute_later(configuration)
        await http.get(f"{server.host}/")
    assert [seen.headers["Authorization"] for seen in server.seen] == ["bearer first", "bearer second"]


async def test_a_kubeconfig_wins_where_one_is_named(account: Path, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("""
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://example.test"}}]
users: [{name: u, user: {token: mine}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
""")
    configuration = await configure(kubeconfig)
    assert configuration.host == "https://example.test"
    assert await configuration.get_api_key_with_prefix("BearerToken") == "Bearer mine"


async def test_without_a_token_none_is_sent(server: Scripted) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    server.answer = answer
    configuration: Any = client.Configuration(host=server.host)
    async with (await login(configuration)).aiohttp_session as http:
        await http.get(f"{server.host}/")
    assert "Authorization" not in server.seen[0].headers
