"""The pods of a group are made all or not at all, within quota, and look for nodes one group after another."""

import asyncio
from typing import Any

import pytest

from control.lab import NS, RUNNING, Lab, play
from control.samples import ended
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.store import PODS, QUOTAS, TRIALS, Forbidden, QuotaExceeded


def trainer(count: int, gpus: int = 1) -> dict[str, Any]:
    resources = {"limits": {names.GPU_RESOURCE: gpus}}
    return {"template": {"spec": {"containers": [{"name": "trainer", "image": "i", "resources": resources}]}}} | {
        "nodes": count
    }


async def settle(lab: Lab, name: str) -> None:
    """Give a pod its node, without starting it."""
    await lab.store.bind_pod(NS, name, "node")
    await asyncio.sleep(1)


def test_quota_is_reckoned_for_all_pods_before_the_first() -> None:
    """Catches a rank 0 that holds its GPU while there is none for rank 1."""

    async def script(lab: Lab) -> None:
        await lab.quota(3)
        await lab.trial("a", trainer=trainer(2))
        await asyncio.sleep(1)
        assert await lab.pods() == ["a-1", "a-1-r1"]
        await settle(lab, "a-1")
        await lab.trial("b", trainer=trainer(2))
        await asyncio.sleep(5)
        assert await lab.pods() == ["a-1", "a-1-r1"]
        assert "this trial needs 2" in (await lab.condition(ConditionType.QUOTA_EXCEEDED, "b"))[1]
        await lab.store.patch(QUOTAS, NS, "gpus", {"spec": {"hard": {names.GPU_QUOTA_RESOURCE: "4"}}})
        await lab.pod_is(RUNNING, "a-1")
        await settle(lab, "a-1-r1")
        assert await lab.pods() == ["a-1", "a-1-r1", "b-1", "b-1-r1"]

    play(script)


def test_a_quota_too_small_for_the_group_says_so() -> None:
    async def script(lab: Lab) -> None:
        await lab.quota(3)
        await lab.trial(trainer=trainer(2, gpus=2))
        await asyncio.sleep(1)
        assert "allows 3 GPUs and one trial needs 4" in (await lab.condition(ConditionType.QUOTA_EXCEEDED))[1]
        assert await lab.pods() == []

    play(script)


@pytest.mark.parametrize("error", [QuotaExceeded("exceeded quota: cpus"), Forbidden("violates PodSecurity")])
def test_a_pod_that_is_refused_takes_the_others_with_it(error: Exception) -> None:
    """Rank 0 is the last to be made: catches pods that wait for a sibling that may never come."""

    async def script(lab: Lab) -> None:
        lab.seen.refused, lab.seen.refusal = "mine-1-r1", lambda: error
        await lab.trial(trainer=trainer(3))
        await lab.trial("other", trainer=trainer(3))
        await asyncio.sleep(20)
        # What is made and taken back is news to all that wait: catches two that wake each other for ever.
        assert lab.writes["create pods mine-1-r2"] == 1
        assert await lab.pods() == ["other-1", "other-1-r1", "other-1-r2"]
        assert (await lab.status()).get("attemptCount", 0) == 0
        lab.seen.refusal = None
        for name in await lab.pods():
            await settle(lab, name)
        await asyncio.sleep(31)
        assert (await lab.pods())[:3] == ["mine-1", "mine-1-r1", "mine-1-r2"]

    play(script)


def test_groups_look_for_their_nodes_one_after_another() -> None:
    """Four groups of two on four GPUs: catches four that hold one each and wait for ever for the second."""

    async def script(lab: Lab) -> None:
        for name in "abcd":
            await lab.trial(name, trainer=trainer(2))
        await asyncio.sleep(5)
        [first] = {name[0] for name in await lab.pods()}
        for name in ("-1", "-1-r1"):
            await settle(lab, first + name)
            await lab.pod_is(RUNNING, first + name)
            await asyncio.sleep(1)
        started = {name[0] for name in await lab.pods()}
        assert len(started) == 2
        [second] = started - {first}
        for other in set("abcd") - started:
            assert lab.writes[f"status trials {other}"] == 0, "a short wait is not worth a write"
        unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no GPU"}
        await lab.pod_is({"phase": "Pending", "conditions": [unschedulable]}, f"{second}-1")
        await lab.store.patch(TRIALS, NS, first, {"metadata": {"labels": {"wake": "all"}}})
        await asyncio.sleep(90)
        assert {name[0] for name in await lab.pods()} == started
        for other in set("abcd") - started:
            message = (await lab.condition(ConditionType.PROGRESSING, other))[1]
            assert message == f"waits until all pods of trial {second} have nodes: Unschedulable: no GPU"
        assert (await lab.events())["NodesAwaited"] == 2

    play(script)


def test_a_trial_on_one_node_waits_for_no_group() -> None:
    async def script(lab: Lab) -> None:
        await lab.trial("group", trainer=trainer(2))
        await asyncio.sleep(1)
        await lab.trial("single")
        await asyncio.sleep(1)
        assert "single-1" in await lab.pods()

    play(script)


def test_rank_0s_address_lets_the_others_start_and_its_words_count() -> None:
    async def script(lab: Lab) -> None:
        await lab.trial(trainer=trainer(2))
        await asyncio.sleep(1)
        await settle(lab, "mine-1")
        await lab.pod_is(RUNNING, "mine-1")
        await asyncio.sleep(1)
        assert (await lab.status())["pod"] == "mine-1", "it holds GPUs, and takes its place"
        pod = await lab.store.get(PODS, NS, "mine-1-r1")
        assert not pod["spec"].get("schedulingGates")
        assert pod["metadata"]["annotations"][names.MASTER_ADDRESS_ANNOTATION] == "10.0.0.1"
        assert pod["metadata"]["annotations"][names.MASTER_PORT_ANNOTATION] == "29500"
        await settle(lab, "mine-1-r1")
        await lab.pod_is(RUNNING, "mine-1-r1")
        await asyncio.sleep(1)
        assert (await lab.condition(ConditionType.PROGRESSING))[1].endswith("on 2 nodes")
        await lab.pod_is(ended(0, {"step": 30, "value": 0.5}), "mine-1")
        await asyncio.sleep(1)
        assert "outcome" not in await lab.status()
        await lab.pod_is(ended(0), "mine-1-r1")
        await asyncio.sleep(1)
        assert (await lab.status())["outcome"] == "Completed"
        assert await lab.pods() == []

    play(script)
