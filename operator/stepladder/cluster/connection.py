"""How the operator reaches the API server: with its pod's service account, or with a kubeconfig outside a cluster."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import kopf
from kubernetes.aio import client
from kubernetes.aio import config as kubernetes_config

# The client library has no types worth the name: a Configuration or an ApiClient is Any from here on.
Configuration = Any
ApiClient = Any
_config: Any = kubernetes_config

# Tokens bound to a pod rotate within the hour, and kopf reads them only when it logs in.
LOGIN_LIFETIME: Final = timedelta(minutes=10)


async def configure(kubeconfig: Path | None = None) -> Configuration:
    """Find the API server and the credentials.

    The token of a service account is read again from its file, at most once a minute, whenever a request needs it.

    Raises:
        ConfigException: neither a service account nor a readable kubeconfig is there.
    """
    configuration: Configuration = client.Configuration()
    if kubeconfig is None and os.environ.get("KUBERNETES_SERVICE_HOST"):
        _config.load_incluster_config(configuration)
    else:
        await _config.load_kube_config(
            config_file=str(kubeconfig) if kubeconfig else None, client_configuration=configuration
        )
    return configuration


def api_client(configuration: Configuration) -> ApiClient:
    """A connection pool; close it with `await client.close()`."""
    made: ApiClient = client.ApiClient(configuration)
    made.user_agent = "stepladder-operator"
    return made


async def login(configuration: Configuration, now: datetime | None = None) -> kopf.ConnectionInfo:
    """The same credentials in kopf's words, to be asked for again after `LOGIN_LIFETIME`."""
    scheme, _, token = (await configuration.get_api_key_with_prefix("BearerToken") or "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        username=configuration.username or None,
        password=configuration.password or None,
        scheme=scheme if token else None,
        token=token or scheme or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        trust_env=True,  # as the client library does
        expiration=(now or datetime.now(UTC)) + LOGIN_LIFETIME,
    )
