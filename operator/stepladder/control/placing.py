"""Groups of pods find their nodes one group after another: the scheduler places pods one by one, and knows no groups.

Pure. Without this, two groups of two pods on two GPUs would hold one each and wait for ever for the other.
"""

from collections.abc import Iterable

from stepladder.api import names
from stepladder.control.pod_view import pod_view
from stepladder.control.store import Object
from stepladder.control.trial_status import Hindrance


def before(trial: str, pods: Iterable[Object]) -> Hindrance | None:
    """What the trial's group has to wait for, if one of these pods belongs to another's and has no node yet.

    It has nothing to say while the other has only begun to look.
    """
    others = (p for p in pods if in_group(p) and p["metadata"]["labels"][names.TRIAL_LABEL] != trial)
    homeless = [p for p in others if pod_view(p).lives and not p["spec"].get("nodeName")]
    if not homeless:
        return None
    trouble = next(((p, why) for p in homeless if (why := pod_view(p).waiting_for)), None)
    if trouble is None:
        return Hindrance("", turn=True)
    pod, why = trouble
    first = pod["metadata"]["labels"][names.TRIAL_LABEL]
    return Hindrance(f"waits until all pods of trial {first} have nodes: {why}", turn=True)


def settles(pod: Object) -> bool:
    """Whether the pod belongs to a group and has just found its node: the next group may look for its own."""
    return in_group(pod) and bool(pod["spec"].get("nodeName")) and pod.get("status", {}).get("phase") == "Pending"


def in_group(pod: Object) -> bool:
    """Whether others train with it."""
    return names.NODES_ANNOTATION in (pod["metadata"].get("annotations") or {})
