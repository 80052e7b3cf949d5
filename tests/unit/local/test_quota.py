"""How a pod's share of a quota is counted."""

from typing import Any

import pytest

from stepladder.control.store import Object
from stepladder.local import quota

GPU, QUOTA = "nvidia.com/gpu", "requests.nvidia.com/gpu"


def pod(*containers: Object, init: Object | None = None, phase: str = "Running") -> Object:
    spec: Object = {"containers": [{"resources": r} for r in containers]}
    if init:
        spec["initContainers"] = [{"resources": init}]
    return {"metadata": {"name": "p"}, "spec": spec, "status": {"phase": phase}}


def limit(**hard: Any) -> Object:
    return {"metadata": {"name": "q"}, "spec": {"hard": {QUOTA: "4", **hard}}}


@pytest.mark.parametrize(
    ("requester", "gpus"),
    [
        (pod({"requests": {GPU: "2"}}), 2),
        (pod({"limits": {GPU: 2}}), 2),
        (pod({"limits": {GPU: 1}}, {"limits": {GPU: 1}}), 2),
        (pod({"limits": {GPU: 1}}, init={"limits": {GPU: 3}}), 3),
        (pod({"limits": {GPU: 1}}, phase="Succeeded"), 0),
        (pod({"limits": {GPU: 1}}, phase="Failed"), 0),
        (pod({"limits": {GPU: 1}}, phase="Pending"), 1),
        (pod({}), 0),
    ],
)
def test_use_is_counted_as_the_quota_controller_does(requester: Object, gpus: int) -> None:
    assert quota.used(limit(), [requester]) == {QUOTA: gpus}


def test_a_pod_may_use_the_quota_up_but_not_exceed_it() -> None:
    held = [pod({"limits": {GPU: 3}})]
    assert quota.refusal(pod({"limits": {GPU: 1}}), limit(), held) is None
    refused = quota.refusal(pod({"limits": {GPU: 2}}), limit(), held)
    assert refused == (
        'pods "p" is forbidden: exceeded quota: q, requested: requests.nvidia.com/gpu=2, '
        "used: requests.nvidia.com/gpu=3, limited: requests.nvidia.com/gpu=4"
    )


def test_quantities_that_are_no_extended_resources_are_not_counted() -> None:
    assert quota.used(limit(**{"requests.cpu": "500m", "pods": "3"}), [pod({"requests": {"cpu": "1"}})]) == {QUOTA: 0}
