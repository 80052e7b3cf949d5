"""How the pods of one trial find each other: what PyTorch's `env://` initialisation and torchrun read. Pure.

All pods of an attempt are made at once, rank 0 last. The others stay behind a scheduling gate until rank 0 has an
address, which is then written on them; their environment refers to it (docs/decisions.md, 14).
"""

from collections.abc import Mapping
from typing import Any, Final

from stepladder.api import names
from stepladder.control.gpus import gpus_of
from stepladder.control.store import Object

DEFAULT_PORT: Final = "29500"  # torchrun's own


def equip(pod: Object, container: dict[str, Any], rank: int, nodes: int) -> None:
    """Make a pod, just built, one of several: label, annotation, gate, environment.

    A port that the template gives as MASTER_PORT stays.
    """
    pod["metadata"]["labels"][names.RANK_LABEL] = str(rank)
    pod["metadata"]["annotations"][names.NODES_ANNOTATION] = str(nodes)
    if rank:
        pod["spec"].setdefault("schedulingGates", []).append({"name": names.RENDEZVOUS_GATE})
    ours = _environment(container, rank, nodes)
    own = [e for e in container["env"] if e["name"] not in {variable["name"] for variable in ours}]
    container["env"] = [*ours, *own]


def gated(pod: Object) -> bool:
    """Whether it waits for rank 0's address."""
    return {"name": names.RENDEZVOUS_GATE} in (pod["spec"].get("schedulingGates") or [])


def port_of(pod: Object, container: Mapping[str, Any]) -> str:
    """The port at which the others meet rank 0, which is this pod."""
    local: str | None = (pod["metadata"].get("annotations") or {}).get(names.LOCAL_MASTER_PORT_ANNOTATION)
    return local or _port(container)


def admission(pod: Object, address: str, port: str) -> dict[str, Any]:
    """The merge patch that lets a pod start, now that rank 0 has an address."""
    gates = [gate for gate in pod["spec"]["schedulingGates"] if gate["name"] != names.RENDEZVOUS_GATE]
    annotations = {names.MASTER_ADDRESS_ANNOTATION: address, names.MASTER_PORT_ANNOTATION: port}
    return {"metadata": {"annotations": annotations}, "spec": {"schedulingGates": gates or None}}


def _environment(container: Mapping[str, Any], rank: int, nodes: int) -> list[dict[str, Any]]:
    """One process per node (WORLD_SIZE, RANK), or as many as it has GPUs, which torchrun starts (PET_*)."""
    if rank:
        address = _field(f"metadata.annotations['{names.MASTER_ADDRESS_ANNOTATION}']")
        port = _field(f"metadata.annotations['{names.MASTER_PORT_ANNOTATION}']")
    else:
        address, port = _field("status.podIP"), {"value": _port(container)}
    processes = max(1, gpus_of({"containers": [container]}))
    values = {
        "NNODES": nodes,
        "NODE_RANK": rank,
        "WORLD_SIZE": nodes,
        "RANK": rank,
        "PET_NNODES": nodes,
        "PET_NODE_RANK": rank,
        "PET_NPROC_PER_NODE": processes,
        "PET_MASTER_ADDR": "$(MASTER_ADDR)",
        "PET_MASTER_PORT": f"$({names.MASTER_PORT_ENV})",
    }
    return [
        {"name": "MASTER_ADDR", **address},
        {"name": names.MASTER_PORT_ENV, **port},
        *({"name": name, "value": str(value)} for name, value in values.items()),
    ]


def _port(container: Mapping[str, Any]) -> str:
    given = (e.get("value") for e in container.get("env") or () if e["name"] == names.MASTER_PORT_ENV)
    return next(filter(None, given), DEFAULT_PORT)


def _field(path: str) -> dict[str, Any]:
    return {"valueFrom": {"fieldRef": {"fieldPath": path}}}
