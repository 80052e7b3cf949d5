"""Credentials, and that they are read again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import client
from kubernetes.aio.config import incluster_config
from stepladder.cluster.connection import configure, login

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pod's service account."""
    for name, content in (("token", "first"), ("ca.crt", "a certificate")):
        (tmp_path / name).write_text(content)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    return tmp_path


async def test_in_a_pod_the_service_account_is_used(account: Path) -> None:
    info = await login(await configure(), NOW)
    assert (info.server, info.token, info.ca_path) == ("https://10.0.0.1:443", "first", str(account / "ca.crt"))
    assert info.as_http_headers() == {"Authorization": "bearer first"}


async def test_kopf_is_told_to_ask_again_before_a_bound_token_has_rotated(account: Path) -> None:
    """kopf reads the token only when it logs in; without an expiry it would be refused after an hour."""
    info = await login(await configure(), NOW)
    assert info.expiration is not None
    assert timedelta(0) < info.expiration - NOW <= timedelta(minutes=10)
    (account / "token").write_text("second")
    assert (await login(await configure(), NOW)).as_http_headers() == {"Authorization": "bearer second"}


async def test_the_store_reads_a_rotated_token_without_being_told(account: Path) -> None:
    configuration = await configure()
    (account / "token").write_text("second")
    assert await configuration.get_api_key_with_prefix("BearerToken") == "bearer first"
    loader = configuration.refresh_api_key_hook.__closure__[0].cell_contents
    loader.token_expires_at = datetime.now()
    assert await configuration.get_api_key_with_prefix("BearerToken") == "bearer second"


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
    info = await login(await configure(kubeconfig), NOW)
    assert (info.server, info.scheme, info.token) == ("https://example.test", "Bearer", "mine")


async def test_without_a_token_none_is_sent() -> None:
    configuration: Any = client.Configuration(host="http://example.test")
    assert (await login(configuration, NOW)).as_http_headers() == {}
