"""Trials that wait for quota: who is woken, how many, and what is written meanwhile."""

import asyncio
from collections.abc import Mapping

from control.lab import NS, Lab, no_metrics, play
from control.virtual import run
from control.world import FaultyStore
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.controller import Controller
from stepladder.control.store import (
    QUOTAS,
    Forbidden,
    Listing,
    QuotaExceeded,
    Resource,
)
from stepladder.search.record import OptunaRecord


def test_a_quota_that_we_cannot_count_is_waited_for_quietly() -> None:
    """A quota on CPUs refuses: catches a status that turns at every attempt, and an Event with each."""

    async def script(lab: Lab) -> None:
        used = iter(range(1000))
        lab.seen.refusal = lambda: QuotaExceeded(
            f"exceeded quota: cpus, requested: cpu=1, used: cpu={next(used)}, limited: cpu=8"
        )
        await lab.quota(100)
        await lab.trial(gpus=1)
        for number in range(50):
            await asyncio.sleep(1)
            await lab.store.patch(QUOTAS, NS, "gpus", {"metadata": {"labels": {"n": str(number)}}})
        assert await lab.condition(ConditionType.QUOTA_EXCEEDED) == (
            "True",
            "exceeded quota: cpus, requested: cpu=1, limited: cpu=8",
        )
        assert next(used) >= 50, "it was not woken by the quota's changes"
        assert lab.writes["status trials mine"] == 1
        assert await lab.events() == {"QuotaExceeded": 1}
        lab.seen.refusal = None
        await lab.store.patch(QUOTAS, NS, "gpus", {"metadata": {"labels": {"n": "free"}}})
        await asyncio.sleep(1)
        assert await lab.pods() == ["mine-1"]
        assert await lab.condition(ConditionType.QUOTA_EXCEEDED) == ("False", "")

    play(script)


def test_room_that_is_made_while_a_pod_is_refused_is_not_missed() -> None:
    """Catches a trial that joins the queue after the answer: what was freed in between wakes nobody."""

    async def script(lab: Lab) -> None:
        await lab.quota(100)
        lab.seen.slowness = 2
        lab.seen.refusal = lambda: QuotaExceeded("exceeded quota: cpus, requested: cpu=1, used: cpu=8, limited: cpu=8")
        await lab.trial(gpus=1)
        await asyncio.sleep(1)
        lab.seen.refusal = None
        await lab.store.patch(QUOTAS, NS, "gpus", {"metadata": {"labels": {"now": "free"}}})
        await asyncio.sleep(5)
        assert await lab.pods() == ["mine-1"]

    play(script)


def test_a_raised_quota_starts_as_many_as_fit_and_asks_no_others() -> None:
    async def script(lab: Lab) -> None:
        await lab.quota(0)
        for number in range(30):
            await lab.trial(f"t{number:02}", gpus=1)
        await asyncio.sleep(2)
        before = lab.writes.total()
        await lab.store.patch(QUOTAS, NS, "gpus", {"spec": {"hard": {names.GPU_QUOTA_RESOURCE: "3"}}})
        await asyncio.sleep(2)
        assert await lab.pods() == ["t00-1", "t01-1", "t02-1"]
        # Of each of the three: the pod, and the status that it waits no more.
        assert lab.writes.total() - before == 6

    play(script)


def test_many_that_are_refused_do_not_wake_each_other() -> None:
    """Catches a storm of refused creates: each trial may ask once, and then again when something has changed."""

    async def script(lab: Lab) -> None:
        refusals = 0

        def refuse() -> Exception:
            nonlocal refusals
            refusals += 1
            return QuotaExceeded("exceeded quota: cpus, requested: cpu=1, used: cpu=8, limited: cpu=8")

        lab.seen.refusal, lab.seen.slowness = refuse, 0.01
        await lab.quota(100)
        for number in range(20):
            await lab.trial(f"t{number:02}", gpus=1)
        await asyncio.sleep(20)
        assert refusals == 20
        await lab.store.patch(QUOTAS, NS, "gpus", {"metadata": {"labels": {"a": "b"}}})
        await asyncio.sleep(5)
        assert refusals == 21
        lab.seen.refusal = None
        await lab.store.patch(QUOTAS, NS, "gpus", {"metadata": {"labels": {"a": "c"}}})
        await asyncio.sleep(5)
        assert len(await lab.pods()) == 20

    play(script)


def test_an_operator_that_may_not_see_quotas_works_on() -> None:
    class Blindfolded(FaultyStore):
        async def list(
            self, resource: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
        ) -> Listing:
            if resource == QUOTAS:
                raise Forbidden("resourcequotas is forbidden")
            return await super().list(resource, namespace, labels)

    async def main() -> None:
        lab = Lab()
        await lab.trial()
        store = Blindfolded(lab.store)
        controller = Controller(store, record=OptunaRecord("memory://"), clock=lab.clock, fetch=no_metrics)
        running = asyncio.create_task(controller.run())
        await asyncio.sleep(5)
        running.cancel()
        await asyncio.wait([running])
        assert await lab.pods() == ["mine-1"]

    run(main())


def test_a_burst_does_not_run_into_the_quota() -> None:
    """Twenty see room for two, one after the other makes its pod: catches eighteen refused creates."""

    async def script(lab: Lab) -> None:
        await lab.quota(2)
        lab.seen.slowness = 0.1
        for number in range(20):
            await lab.trial(f"t{number:02}", gpus=1)
        await asyncio.sleep(20)
        assert len(await lab.pods()) == 2
        assert lab.writes["create pods t00-1"] + lab.writes["create pods t01-1"] == 2
        assert lab.seen.tried == 2

    play(script)


def test_room_that_one_trial_cannot_use_is_anothers() -> None:
    """The first in the line is woken for a GPU and refused for its CPUs: catches the GPU left idle."""

    async def script(lab: Lab) -> None:
        lab.seen.refused = "first"
        lab.seen.refusal = lambda: QuotaExceeded("exceeded quota: cpus, requested: cpu=64, used: cpu=0, limited: cpu=8")
        await lab.quota(0)
        for name in ("first", "second"):
            await lab.trial(name, gpus=1)
            await asyncio.sleep(1)
        await lab.store.patch(QUOTAS, NS, "gpus", {"spec": {"hard": {names.GPU_QUOTA_RESOURCE: "1"}}})
        await asyncio.sleep(1)
        assert await lab.pods() == ["second-1"]
        assert (await lab.condition(ConditionType.QUOTA_EXCEEDED, "first"))[0] == "True"

    play(script)


def test_another_reason_is_told_before_long() -> None:
    async def script(lab: Lab) -> None:
        said = ["cpus"]
        lab.seen.refusal = lambda: QuotaExceeded(f"exceeded quota: {said[0]}")
        await lab.quota(9)
        await lab.trial(gpus=1)
        await asyncio.sleep(1)
        said[0] = "pods"
        await lab.store.patch(QUOTAS, NS, "gpus", {"metadata": {"labels": {"a": "b"}}})
        await asyncio.sleep(32)
        assert await lab.condition(ConditionType.QUOTA_EXCEEDED) == ("True", "exceeded quota: pods")

    play(script)
