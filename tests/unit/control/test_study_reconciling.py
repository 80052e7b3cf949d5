"""Studies at rest, deleted, or with a spec that cannot be read: what is done, and what is left alone."""

import asyncio
import json
from typing import Any

import pytest

from control import samples
from control.lab import NS, RUNNING, Lab, no_metrics, play
from control.virtual import run
from control.world import FaultyStore
from stepladder.api.conditions import ConditionType
from stepladder.control.cache import Key
from stepladder.control.controller import Controller
from stepladder.control.store import (
    STUDIES,
    TRIALS,
    NotFound,
    Object,
)
from stepladder.control.trials import TrialReconciler
from stepladder.search.record import OptunaRecord


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
