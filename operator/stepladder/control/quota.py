"""GPU quotas, respected before they refuse: what a namespace's ResourceQuotas leave free. Pure.

`status.used` lags behind our own creates, so whatever our own live pods hold counts as used at least. The answers are
hints that spare refused creates; the API server's 403 stays the truth.

A trial that waits says so in sentences that do not change while it waits: with the number in use in them, every pod
that comes or goes would have the status of every waiting trial written anew.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from stepladder.api import names
from stepladder.control.gpus import whole
from stepladder.control.store import Object

K = TypeVar("K")


def shortage(quotas: Iterable[Object], held: int, gpus: int) -> str:
    """Why a pod with so many GPUs does not fit now, in a sentence; empty where it fits. `held`: by our own pods."""
    for name, hard, used in _limits(quotas, held):
        if gpus > hard:
            return f"quota {name} allows {hard} GPUs and one trial needs {gpus}: raise the quota or ask for fewer GPUs"
        if gpus and used + gpus > hard:
            return f"quota {name} allows {hard} GPUs and they are in use: this trial needs {gpus} and waits its turn"
    return ""


def fitting(quotas: Iterable[Object], held: int, waiting: Iterable[tuple[K, int]]) -> tuple[K, ...]:
    """Those of the waiting, with the GPUs that each needs and in the order of their coming, for which there is room."""
    free = min((hard - used for _, hard, used in _limits(quotas, held)), default=None)
    found: list[K] = []
    for key, gpus in waiting:
        if free is None or not gpus or gpus <= free:
            found.append(key)
            free = None if free is None else free - gpus
    return tuple(found)


def refusal(message: str) -> str:
    """The API server's words for an exceeded quota, without what changes from one moment to the next."""
    return re.sub(r", used: .*?(?=, limited: |$)", "", message, flags=re.DOTALL)


def _limits(quotas: Iterable[Object], held: int) -> Iterator[tuple[str, int, int]]:
    """Each quota on GPUs: its name, the most it allows, and how many are in use."""
    for quota in quotas:
        status, spec = quota.get("status", {}), quota["spec"]
        hard = status.get("hard", spec.get("hard", {})).get(names.GPU_QUOTA_RESOURCE)
        if hard is None or spec.get("scopes") or spec.get("scopeSelector"):
            continue  # a scoped quota may not concern this pod: let the API server judge
        used = whole(status.get("used", {}).get(names.GPU_QUOTA_RESOURCE, 0))
        yield quota["metadata"]["name"], whole(hard), max(used, held)
