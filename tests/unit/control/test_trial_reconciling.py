"""Trials against a store that refuses and forgets: what is written, how often, and what is believed."""

import asyncio

import pytest

from control import samples
from control.lab import NS, RUNNING, Blind, Lab, no_metrics, play
from control.virtual import run
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.controller import Controller
from stepladder.control.store import (
    PODS,
    TRIALS,
    Forbidden,
)
from stepladder.search.record import OptunaRecord


def test_a_refused_pod_is_no_quota_and_is_tried_again() -> None:
    async def script(lab: Lab) -> None:
        lab.seen.refusal = lambda: Forbidden('violates PodSecurity "restricted:latest": runAsUser=0')
        await lab.trial()
        await asyncio.sleep(300)
        assert (await lab.condition(ConditionType.QUOTA_EXCEEDED))[0] == "False"
        assert "PodSecurity" in (await lab.condition(ConditionType.PROGRESSING))[1]
        assert lab.writes["status trials mine"] == 1, "the status turns at every attempt"
        assert await lab.events() == {"PodRefused": 1}
        lab.seen.refusal = None
        await asyncio.sleep(31)
        assert await lab.pods() == ["mine-1"]
        assert await lab.condition(ConditionType.PROGRESSING) == ("True", "")

    play(script)


def test_a_name_that_a_stranger_has_is_told_and_waited_for() -> None:
    async def script(lab: Lab) -> None:
        stranger = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "mine-1", "namespace": NS}}
        await lab.store.create(PODS, stranger | {"spec": {"containers": [{"name": "c", "image": "i"}]}})
        await lab.trial()
        await asyncio.sleep(60)
        assert (
            "a pod named mine-1 exists that is not this trial's" in (await lab.condition(ConditionType.PROGRESSING))[1]
        )
        await lab.store.delete(PODS, NS, "mine-1")
        await asyncio.sleep(31)
        [pod] = (await lab.store.list(PODS, NS)).items
        assert pod["metadata"]["labels"][names.TRIAL_LABEL] == "mine"

    play(script)


def test_a_trial_made_again_waits_for_the_pod_of_the_old_one() -> None:
    """Catches the old pod taken for the new trial's: same name, other UID."""

    async def script(lab: Lab) -> None:
        await lab.trial()
        await asyncio.sleep(1)
        await lab.store.bind_pod(NS, "mine-1", "node")
        await lab.pod_is(RUNNING)
        old = (await lab.store.get(PODS, NS, "mine-1"))["metadata"]["uid"]
        await lab.store.delete(TRIALS, NS, "mine")
        await lab.trial()
        await asyncio.sleep(20.5)  # between two looks at the name
        assert (await lab.store.get(PODS, NS, "mine-1"))["metadata"]["uid"] == old
        assert (await lab.status()).get("pod") is None
        await lab.pod_is(samples.ended(0, {"step": 30, "value": 0.5}))
        await lab.store.finish_pod(NS, "mine-1", old)
        await asyncio.sleep(2)
        assert (await lab.store.get(PODS, NS, "mine-1"))["metadata"]["uid"] != old
        assert (await lab.status()).get("observations") is None, "the old pod's result is the old trial's"

    play(script)


def test_what_a_kubelet_says_while_a_pod_waits_is_not_written_each_time() -> None:
    async def script(lab: Lab) -> None:
        await lab.trial()
        await asyncio.sleep(1)
        for number in range(120):
            waiting = {"reason": "ImagePullBackOff" if number % 2 else "ErrImagePull", "message": f"try {number}"}
            await lab.pod_is({"containerStatuses": [{"name": "trainer", "state": {"waiting": waiting}}]})
            await asyncio.sleep(1)
        await asyncio.sleep(31)
        assert lab.writes["status trials mine"] <= 1 + 150 / 30
        assert "try 119" in (await lab.condition(ConditionType.PROGRESSING))[1]

    play(script)


def test_a_curve_is_written_now_and_then_and_the_rest_of_it_soon_after() -> None:
    """Catches scraped values that are never stored because nothing happened after them."""
    page: list[str] = []

    async def serve(_: str) -> str:
        return "".join(page)

    async def script(lab: Lab) -> None:
        await lab.trial(targetSteps=1000, horizonSteps=1000)
        await asyncio.sleep(1)
        await lab.pod_is(RUNNING)
        for step in range(20):
            page.append(f'validation_error{{step="{step}"}} 0.5\n')
            await asyncio.sleep(5)
        await asyncio.sleep(40)
        assert (await lab.status())["last"]["step"] == 19
        assert lab.writes["status trials mine"] <= 2 + 140 / 30

    play(script, fetch=serve)


def test_a_foreign_image_is_judged_by_what_was_scraped() -> None:
    async def serve(_: str) -> str:
        return "validation_error 0.125\nstepladder_step 30\n"

    async def script(lab: Lab) -> None:
        await lab.trial()
        await asyncio.sleep(1)
        await lab.pod_is(RUNNING)
        await asyncio.sleep(10)
        await lab.pod_is(samples.ended(0, ""))
        await asyncio.sleep(1)
        status = await lab.status()
        assert (status["outcome"], status["best"]) == ("Completed", {"step": 30, "value": 0.125})

    play(script, fetch=serve)


def test_a_pod_that_is_stopped_before_it_runs_still_takes_its_place() -> None:
    """Catches a slot given away while the pod of a paused trial is still on its way out."""

    async def script(lab: Lab) -> None:
        await lab.trial()
        await asyncio.sleep(1)
        pod = await lab.store.bind_pod(NS, "mine-1", "node")
        await lab.store.patch(TRIALS, NS, "mine", {"spec": {"desired": "Pause"}})
        await asyncio.sleep(5)
        assert (await lab.status())["pod"] == "mine-1"
        await lab.store.finish_pod(NS, "mine-1", pod["metadata"]["uid"])
        await asyncio.sleep(1)
        assert "pod" not in await lab.status()

    play(script)


def test_a_trial_that_is_over_is_not_polled() -> None:
    asked: list[str] = []

    async def serve(url: str) -> str:
        asked.append(url)
        return ""

    async def script(lab: Lab) -> None:
        await lab.trial(trainer=lab.trainer | {"podRetention": "All"})
        await asyncio.sleep(1)
        await lab.pod_is(RUNNING)
        await asyncio.sleep(20)
        assert asked
        # A sidecar keeps the pod running.
        await lab.pod_is(samples.ended(0, {"step": 30, "value": 0.5}, phase="Running"))
        await asyncio.sleep(1)
        asked.clear()
        await asyncio.sleep(60)
        assert asked == []

    play(script, fetch=serve)


def test_a_pod_that_the_cache_lacks_is_asked_for_before_it_is_given_up() -> None:
    """Catches an attempt taken for lost, and the next one made beside it."""

    async def main() -> None:
        async with Lab() as lab:
            await lab.trial()
            await asyncio.sleep(1)
            await lab.pod_is(RUNNING)
            await asyncio.sleep(1)
        blind = Blind(lab.store)
        controller = Controller(blind, record=OptunaRecord("memory://"), clock=lab.clock, fetch=no_metrics)
        running = asyncio.create_task(controller.run())
        await asyncio.sleep(30)
        running.cancel()
        await asyncio.wait([running])
        assert await lab.pods() == ["mine-1"]
        assert (await lab.status()).get("attemptCount", 0) == 0

    run(main())


def test_the_last_words_of_a_pod_deleted_by_somebody_are_heard() -> None:
    async def script(lab: Lab) -> None:
        await lab.trial()
        await asyncio.sleep(1)
        await lab.store.bind_pod(NS, "mine-1", "node")
        pod = await lab.store.get(PODS, NS, "mine-1")
        # At once: the status never said that there was a pod.
        await lab.store.delete(PODS, NS, "mine-1")
        await lab.pod_is(samples.ended(0, {"step": 30, "value": 0.5}))
        await lab.store.finish_pod(NS, "mine-1", pod["metadata"]["uid"])
        await asyncio.sleep(1)
        assert (await lab.status())["outcome"] == "Completed"
        assert await lab.pods() == []

    play(script)


@pytest.mark.parametrize("message", ["[" * 4096, '{"step": 1e999}', '{"step": 1' + "0" * 400 + "}"])
def test_garbage_ends_the_attempt_and_not_the_operator(message: str) -> None:
    async def script(lab: Lab) -> None:
        await lab.trial()
        await asyncio.sleep(1)
        await lab.pod_is(samples.ended(1, message))
        await asyncio.sleep(2)
        assert (await lab.status())["attempts"][0]["reason"] == "Error"

    play(script)
