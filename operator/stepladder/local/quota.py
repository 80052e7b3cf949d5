"""ResourceQuota for extended resources (`requests.nvidia.com/gpu`), as pure functions.

Source: kubernetes.io/docs/concepts/policy/resource-quotas. Quotas with scopes are not modelled.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from stepladder.control.store import Object

TERMINAL = ("Succeeded", "Failed")
_PREFIX = "requests."


def terminal(pod: Object) -> bool:
    """Whether the pod has ended, and so holds nothing any more."""
    return (pod.get("status") or {}).get("phase") in TERMINAL


def requested(pod: Object, hard: Mapping[str, Any]) -> dict[str, int]:
    """What the pod asks of those extended resources of a quota that it asks for at all; limits count as requests."""
    spec = pod["spec"]
    names = [name for name in hard if name.startswith(_PREFIX) and "/" in name]
    amounts = {
        name: max(
            sum(_amount(container, name) for container in spec.get("containers") or ()),
            max((_amount(container, name) for container in spec.get("initContainers") or ()), default=0),
        )
        for name in names
    }
    return {name: amount for name, amount in amounts.items() if amount}


def used(quota: Object, pods: Iterable[Object]) -> dict[str, int]:
    """What pods that have not ended hold of every extended resource of the quota."""
    hard = quota["spec"].get("hard") or {}
    total = {name: 0 for name in hard if name.startswith(_PREFIX) and "/" in name}
    for pod in pods:
        if not terminal(pod):
            for name, amount in requested(pod, hard).items():
                total[name] += amount
    return total


def status(quota: Object, pods: Iterable[Object]) -> Object:
    """The quota's status: amounts as strings, as quantities are."""
    hard = quota["spec"].get("hard") or {}
    return {
        "hard": {name: str(amount) for name, amount in hard.items()},
        "used": {name: str(amount) for name, amount in used(quota, pods).items()},
    }


def refusal(pod: Object, quota: Object, pods: Iterable[Object]) -> str | None:
    """Why the quota does not admit the pod, in the API server's words; None if it does."""
    hard = quota["spec"].get("hard") or {}
    asked = requested(pod, hard)
    held = used(quota, pods) if asked else {}
    exceeded = sorted(name for name, amount in asked.items() if held[name] + amount > int(hard[name]))
    if not exceeded:
        return None

    def listed(amounts: Mapping[str, Any]) -> str:
        return ",".join(f"{name}={amounts[name]}" for name in exceeded)

    return (
        f'pods "{pod["metadata"]["name"]}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
        f"requested: {listed(asked)}, used: {listed(held)}, limited: {listed(hard)}"
    )


def _amount(container: Object, name: str) -> int:
    resources = container.get("resources") or {}
    resource = name.removeprefix(_PREFIX)
    amount = (resources.get("requests") or {}).get(resource, (resources.get("limits") or {}).get(resource, 0))
    return int(amount)
