"""How many GPUs: of a pod spec, and of a Kubernetes quantity."""

import re
from collections.abc import Iterable
from typing import Any, Final

from stepladder.api import names
from stepladder.api.trainer import Trainer

_QUANTITY: Final = re.compile(r"(\d+)(?:[eE](\d{1,2})|([kMGTPE]))?")
_THOUSANDS: Final = {"k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def whole(quantity: object) -> int:
    """A quantity of things that come whole; the API server writes a thousand as `1k`.

    0 for what is none: whether that is an error is the API server's to say, when the pod is made.
    """
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        return 0
    digits, exponent, suffix = found.groups()
    zeros: int = int(exponent or 0) + 3 * _THOUSANDS.get(suffix, 0)
    return int(digits + "0" * zeros)


def gpus_of(spec: dict[str, Any]) -> int:
    """GPUs that a pod spec asks for; limits count as requests, as Kubernetes has it for extended resources.

    Init containers run before the others, one by one, so that the largest of them counts where it is the larger.
    """
    together = sum(map(_wanted, spec.get("containers") or ()))
    return max(together, *map(_wanted, spec.get("initContainers") or ()), 0)


def gpus_of_trial(trainer: Trainer) -> int:
    """GPUs of all pods that train one trial."""
    return trainer.nodes * gpus_of(trainer.template["spec"])


def total(pods: Iterable[dict[str, Any]]) -> int:
    """GPUs that these pods hold: those that have ended hold none."""
    return sum(gpus_of(p["spec"]) for p in pods if p.get("status", {}).get("phase") not in ("Succeeded", "Failed"))


def _wanted(container: dict[str, Any]) -> int:
    resources = container.get("resources") or {}
    requested = (resources.get("requests") or {}).get(names.GPU_RESOURCE)
    return whole(requested or (resources.get("limits") or {}).get(names.GPU_RESOURCE) or 0)
