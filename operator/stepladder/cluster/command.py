"""`stepladder operator`: the options, each of which can be given by the environment instead."""

import asyncio
import logging
import os
import socket
from pathlib import Path

import click

from stepladder.cluster import logs


@click.command(context_settings={"auto_envvar_prefix": "STEPLADDER", "show_default": True})
@click.option("--namespace", "namespaces", multiple=True, envvar="STEPLADDER_NAMESPACES", metavar="NAMESPACE",
              help="Serve this namespace only; may be repeated. Without it, the whole cluster is served.")  # fmt: skip
@click.option("--storage-url", default="sqlite:////data/optuna.db", metavar="URL",
              help="Where Optuna keeps its record. If lost, it is rebuilt from the Trials.")  # fmt: skip
@click.option("--leader-elect/--no-leader-elect", default=False,
              help="Act only while holding the Lease; needed with more than one replica.")  # fmt: skip
@click.option("--lease-namespace", default="default", help="The namespace of the Lease: the operator's own.")
@click.option("--lease-name", default="stepladder", help="The name of the Lease, the same for all replicas.")
@click.option("--identity", help="What to call this replica in the Lease.  [default: the host's name and process id]")
@click.option("--metrics-port", default=8080, type=click.IntRange(0, 65535), help="Serves /metrics.")
@click.option("--health-port", default=8081, type=click.IntRange(0, 65535), help="Serves /healthz and /readyz.")
@click.option("--log-format", default="text", type=click.Choice(["text", "json"]))
@click.option("--log-level", default="INFO", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]))
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Credentials outside of a cluster. In a pod its service account is used.")  # fmt: skip
def operator(
    namespaces: tuple[str, ...],
    storage_url: str,
    leader_elect: bool,  # noqa: FBT001 - click passes options by name
    lease_namespace: str,
    lease_name: str,
    identity: str | None,
    metrics_port: int,
    health_port: int,
    log_format: logs.Format,
    log_level: str,
    kubeconfig: Path | None,
) -> None:
    """Run the operator in a cluster."""
    from stepladder.cluster.main import Options, operate  # slow to import, and no other command needs it

    logs.configure(log_level, log_format)
    options = Options(
        namespaces=namespaces,
        storage_url=storage_url,
        leader_elect=leader_elect,
        lease_namespace=lease_namespace,
        lease_name=lease_name,
        identity=identity or f"{socket.gethostname()}-{os.getpid()}",
        metrics_port=metrics_port,
        health_port=health_port,
        kubeconfig=kubeconfig,
    )
    code = asyncio.run(operate(options))
    logging.shutdown()
    os._exit(code)  # what hangs in some thread may not keep the process: the objects have all that matters
