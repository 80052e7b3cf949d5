"""GPU quotas, respected before they refuse: what a namespace's ResourceQuotas leave free."""

from collections.abc import Iterable

from stepladder.api import names
from stepladder.control.pod_view import gpus_of
from stepladder.control.store import Object

ENDED = ("Succeeded", "Failed")


def shortage(quotas: Iterable[Object], pods: Iterable[Object], gpus: int) -> str:
    """Why a pod with so many GPUs does not fit now, in a sentence; empty where it fits.

    `status.used` lags behind our own creates, so whatever our own live pods hold counts as used at least. The answer
    is a hint that spares refused creates; the API server's 403 stays the truth.
    """
    if gpus == 0:
        return ""
    own = sum(gpus_of(p["spec"]) for p in pods if p.get("status", {}).get("phase") not in ENDED)
    for quota in quotas:
        status = quota.get("status", {})
        hard = status.get("hard", quota["spec"].get("hard", {})).get(names.GPU_QUOTA_RESOURCE)
        if hard is None or quota["spec"].get("scopes") or quota["spec"].get("scopeSelector"):
            continue  # a scoped quota may not concern this pod: let the API server judge
        name = quota["metadata"]["name"]
        if gpus > int(hard):
            return f"quota {name} allows {hard} GPUs and one trial needs {gpus}: raise the quota or ask for fewer GPUs"
        used = max(int(status.get("used", {}).get(names.GPU_QUOTA_RESOURCE, 0)), own)
        if used + gpus > int(hard):
            return f"quota {name} allows {hard} GPUs, {used} are in use and this trial needs {gpus}: it waits its turn"
    return ""
