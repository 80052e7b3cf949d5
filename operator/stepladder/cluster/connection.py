"""How the operator reaches the API server: with its pod's service account, or with a kubeconfig outside a cluster."""

import os
from pathlib import Path
from typing import Any

import aiohttp
import kopf
from kubernetes.aio import client
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client.rest import RESTClientObject

# The client library has no types worth the name: a Configuration or an ApiClient is Any from here on.
Configuration = Any
ApiClient = Any
_config: Any = kubernetes_config


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


async def login(configuration: Configuration) -> kopf.AiohttpSession:
    """The same connection for kopf, which closes it; to be called in kopf's event loop.

    Every request asks for the token anew. The other way, credentials that expire, would have kopf close the connections
    of all watches at once, and some of the requests under way then end the process.
    """

    async def authorize(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        credentials = (await configuration.auth_settings()).get("BearerToken")
        if credentials:
            request.headers["Authorization"] = credentials["value"]
        return await send(request)

    tls = RESTClientObject(configuration).ssl_context
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=0), middlewares=[authorize], trust_env=True
    )
    return kopf.AiohttpSession(server=configuration.host, aiohttp_session=session)
