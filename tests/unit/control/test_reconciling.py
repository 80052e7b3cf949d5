"""The controller against a store that refuses, forgets and interferes: what is written, how often, and who is woken."""

import asyncio
import copy
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Self

import pytest

from control import samples
from control.virtual import VirtualClock, run
from control.world import FaultyStore
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.cache import Key
from stepladder.control.controller import Controller
from stepladder.control.scraping import Fetch
from stepladder.control.store import (
    EVENTS,
    PODS,
    QUOTAS,
    STUDIES,
    TRIALS,
    Forbidden,
    Listing,
    NotFound,
    Object,
    QuotaExceeded,
    Resource,
)
from stepladder.control.trials import TrialReconciler
from stepladder.local.store import MemoryStore
from stepladder.search.record import OptunaRecord

NS = samples.NAMESPACE


class Refusing(FaultyStore):
    """Lets pods be created, or raises what it is told to."""

    refusal: Callable[[], Exception] | None = None
    refused = ""  # only pods whose names begin so
    slowness = 0.0
    tried = 0

    async def create(self, resource: Resource, manifest: Object) -> Object:
        if resource == PODS:
            self.tried += 1
            refusal = self.refusal
            await asyncio.sleep(self.slowness)
            if refusal is not None and manifest["metadata"]["name"].startswith(self.refused):
                raise refusal()
        return await super().create(resource, manifest)


class Blind(FaultyStore):
    """Lists no pods: a list that is served from an old cache does not show the newest."""

    async def list(
        self, resource: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Listing:
        listing = await super().list(resource, namespace, labels)
        return Listing((), listing.resource_version) if resource == PODS else listing


async def no_metrics(_: str) -> str:
    return ""


class Lab:
    """A store and a running controller. No kubelet: what becomes of pods is the test's to say."""

    trainer: Final[dict[str, Any]] = {"template": {"spec": {"containers": [{"name": "trainer", "image": "i"}]}}}

    def __init__(self, *, record: OptunaRecord | None = None, fetch: Fetch = no_metrics) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(clock=self.clock.now)
        self.seen = Refusing(self.store)
        self._controller = Controller(
            self.seen, record=record or OptunaRecord("memory://"), clock=self.clock, fetch=fetch
        )

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._controller.run())
        await asyncio.sleep(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self._running.done(), "the controller has ended"
        self._running.cancel()
        await asyncio.wait([self._running])

    async def trial(self, name: str = "mine", gpus: int = 0, **spec: Any) -> None:
        trainer = copy.deepcopy(self.trainer)
        trainer["template"]["spec"]["containers"][0]["resources"] = {"limits": {names.GPU_RESOURCE: gpus}}
        manifest = {
            "apiVersion": TRIALS.api_version,
            "kind": TRIALS.kind,
            "metadata": {"name": name, "namespace": NS},
            "spec": {
                "targetSteps": 30,
                "horizonSteps": 30,
                "objective": {"metric": "validation_error", "direction": "Minimize"},
                "trainer": trainer,
                **spec,
            },
        }
        await self.store.create(TRIALS, manifest)

    async def status(self, name: str = "mine") -> dict[str, Any]:
        found: dict[str, Any] = (await self.store.get(TRIALS, NS, name)).get("status", {})
        return found

    async def condition(self, kind: ConditionType, name: str = "mine") -> tuple[str, str]:
        found = next(c for c in (await self.status(name))["conditions"] if c["type"] == kind)
        return found["status"], found["message"]

    async def pods(self) -> list[str]:
        return [p["metadata"]["name"] for p in (await self.store.list(PODS, NS)).items]

    async def pod_is(self, status: dict[str, Any], name: str = "mine-1") -> None:
        await self.store.patch_status(PODS, NS, name, {"status": status})

    async def quota(self, hard: int) -> None:
        manifest = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "gpus", "namespace": NS},
            "spec": {"hard": {names.GPU_QUOTA_RESOURCE: str(hard)}},
        }
        await self.store.create(QUOTAS, manifest)

    async def events(self) -> Counter[str]:
        found = (await self.store.list(EVENTS, NS)).items
        counts: Counter[str] = Counter()
        for event in found:
            counts[event["reason"]] += event["count"]
        return counts

    @property
    def writes(self) -> Counter[str]:
        return Counter(self.seen.writes)


def play(script: Callable[[Lab], Awaitable[None]], **lab: Any) -> None:
    async def main() -> None:
        async with Lab(**lab) as made:
            await script(made)

    run(main())


RUNNING = {
    "phase": "Running",
    "podIP": "10.0.0.1",
    "containerStatuses": [{"name": "trainer", "state": {"running": {}}}],
}


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


def small_study(**spec: Any) -> Object:
    made = samples.study(rounds=[{"name": "explore", "trials": 1, "maxSteps": 30}], **spec)
    made["metadata"] = {"name": "study", "namespace": NS}
    return made


async def complete(lab: Lab) -> None:
    await lab.store.create(STUDIES, small_study())
    await asyncio.sleep(2)
    await lab.pod_is(samples.ended(0, {"step": 30, "value": 0.5, "trainedSteps": 30}), "study-0-1")
    await asyncio.sleep(5)
    assert (await lab.store.get(STUDIES, NS, "study"))["status"]["phase"] == "Succeeded"


def test_a_finished_study_rests() -> None:
    """Catches a study that starts again on a later edit, loses its results with its trials, or writes on."""

    async def script(lab: Lab) -> None:
        await complete(lab)
        before = (await lab.store.get(STUDIES, NS, "study"))["status"]
        await asyncio.sleep(600)
        writes = lab.writes.total()
        more = {"name": "more", "trials": 4, "maxSteps": 30}
        spec = (await lab.store.get(STUDIES, NS, "study"))["spec"]
        await lab.store.patch(STUDIES, NS, "study", {"spec": {"rounds": [*spec["rounds"], more]}})
        await asyncio.sleep(60)
        await lab.store.delete(TRIALS, NS, "study-0")
        await asyncio.sleep(600)
        after = (await lab.store.get(STUDIES, NS, "study"))["status"]
        accepted = next(c for c in after["conditions"] if c["type"] == ConditionType.ACCEPTED)
        assert "no effect" in accepted["message"]
        kept = ("phase", "best", "rounds", "trials", "completionTime", "trainedSteps")
        assert {k: after[k] for k in kept} == {k: before[k] for k in kept}
        assert (await lab.store.list(TRIALS, NS)).items == ()
        assert lab.writes.total() - writes == 1, "the one that says so"

    play(script)


def test_a_study_that_waits_for_nothing_writes_nothing() -> None:
    async def script(lab: Lab) -> None:
        await lab.store.create(STUDIES, small_study())
        await asyncio.sleep(2)
        await lab.pod_is(RUNNING, "study-0-1")
        await asyncio.sleep(5)
        writes = list(lab.seen.writes)
        await asyncio.sleep(1000)
        assert lab.seen.writes == writes

    play(script)


def test_only_a_changed_spec_concerns_the_trials_of_a_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches ten thousand trials reconciled for each status write of their study, of which there is one a second."""
    looked_at: list[str] = []
    reconcile = TrialReconciler.reconcile

    async def noted(self: TrialReconciler, key: Key) -> float | None:
        looked_at.append(key.name)
        return await reconcile(self, key)

    monkeypatch.setattr(TrialReconciler, "reconcile", noted)

    async def script(lab: Lab) -> None:
        await lab.store.create(STUDIES, small_study())
        await asyncio.sleep(5)
        looked_at.clear()
        await lab.store.patch_status(STUDIES, NS, "study", {"status": {"progress": "1/2/3"}})
        await lab.store.patch(STUDIES, NS, "study", {"metadata": {"labels": {"a": "b"}}})
        await asyncio.sleep(5)
        assert looked_at == []
        await lab.store.patch(STUDIES, NS, "study", {"spec": {"trainer": {"podRetention": "None"}}})
        await asyncio.sleep(5)
        assert looked_at == ["study-0"]

    play(script)


def test_nothing_is_planned_before_everything_is_known() -> None:
    """Catches a study that after a restart is planned without its trials: a record made anew, and counts of nothing."""

    async def main() -> None:
        async with Lab() as lab:
            await complete(lab)
            manifest = small_study()
            manifest["metadata"]["name"] = "other"
            await lab.store.create(STUDIES, manifest)
            await asyncio.sleep(2)
        restarted = FaultyStore(lab.store, latency=1)
        mirrored: list[int] = []

        class Watched(OptunaRecord):
            def mirror(self, history: Any) -> None:
                mirrored.append(len(history.records))

        controller = Controller(restarted, record=Watched("memory://"), clock=lab.clock, fetch=no_metrics)
        running = asyncio.create_task(controller.run())
        await asyncio.sleep(30)
        running.cancel()
        await asyncio.wait([running])
        assert set(mirrored) == {1}
        assert restarted.writes == [], json.dumps(restarted.writes)

    run(main())


def test_a_study_deleted_while_it_waits_for_a_proposal_is_gone() -> None:
    async def script(lab: Lab) -> None:
        await lab.store.create(STUDIES, small_study())
        await lab.store.delete(STUDIES, NS, "study")
        await asyncio.sleep(10)
        with pytest.raises(NotFound):
            await lab.store.get(STUDIES, NS, "study")
        assert (await lab.store.list(TRIALS, NS)).items == ()
        await complete(lab)
        await lab.store.delete(STUDIES, NS, "study")
        await asyncio.sleep(1)
        assert forgotten, "what is remembered of a study outlives it"

    forgotten: list[str] = []

    class Noting(OptunaRecord):
        def forget(self, name: str) -> None:
            forgotten.append(name)

    play(script, record=Noting("memory://"))


def test_a_spec_that_becomes_unreadable_stops_nothing_that_runs() -> None:
    async def script(lab: Lab) -> None:
        await lab.store.create(STUDIES, small_study())
        await asyncio.sleep(2)
        good = (await lab.store.get(STUDIES, NS, "study"))["spec"]["parameters"]
        bad = [{"name": "x", "categorical": {"values": [{"an": "object"}]}}]
        await lab.store.patch(STUDIES, NS, "study", {"spec": {"parameters": bad}})
        await lab.pod_is(samples.ended(0, {"step": 30, "value": 0.5}), "study-0-1")
        await asyncio.sleep(60)
        await lab.store.patch(STUDIES, NS, "study", {"spec": {"parameters": good}})
        await asyncio.sleep(5)
        assert (await lab.store.get(STUDIES, NS, "study"))["status"]["phase"] == "Succeeded"

    play(script)
