"""Whole studies of trials on several nodes: whichever pod of a group fails, the study ends as it would have."""

import asyncio
from typing import Any

import pytest

from control.kubelet import Ending
from control.lab import NS
from control.test_faults import quota
from control.test_nodes import nodes
from control.world import Report
from control.world import play as play_study
from stepladder.control.store import PODS, QUOTAS, STUDIES, NotFound
from stepladder.local.store import MemoryStore


@pytest.fixture(scope="module")
def undisturbed() -> Report:
    return play_study(nodes(1))


class Once:
    """Ends the first pod of one rank of one trial in a given way."""

    def __init__(self, number: int, rank: int, ending: Ending, times: int = 1) -> None:
        self._who, self._ending, self._left = (number, rank), ending, times

    def __call__(self, document: dict[str, Any]) -> Ending | None:
        if (document["number"], document["rank"]) != self._who or not self._left:
            return None
        self._left -= 1
        return self._ending


CRASHES = Ending(exit_code=1, steps=4)
STOPS = Ending(exit_code=75, steps=4, saves=True)
VANISHES = Ending(exit_code=137, steps=4, vanishes=True)


@pytest.mark.parametrize(
    ("count", "rank", "ending"),
    [
        (2, 1, CRASHES),
        (2, 0, VANISHES),
        (3, 2, STOPS),
        *(pytest.param(*at, marks=pytest.mark.long) for at in [(2, 0, CRASHES), (2, 1, VANISHES), (2, 0, STOPS)]),
    ],
)
def test_whoever_fails_the_group_goes_on_together(undisturbed: Report, count: int, rank: int, ending: Ending) -> None:
    report = play_study(nodes(count), script=Once(3, rank, ending))
    assert report.outcome | {"trained steps": 0} == undisturbed.outcome | {"trained steps": 0}
    assert (report.trials_seen_twice, report.live_pods, report.most_at_once) == ([], 0, 1)
    assert undisturbed.trained_steps <= report.trained_steps <= undisturbed.trained_steps + 4


@pytest.mark.parametrize(("code", "outcome"), [(65, "Infeasible"), (71, "Failed")])
def test_an_end_that_a_retry_cannot_mend_is_final_in_any_rank(code: int, outcome: str) -> None:
    report = play_study(nodes(2), script=Once(7, 1, Ending(exit_code=code, steps=5), times=99))
    assert report.trials["study-7"]["outcome"] == outcome
    assert report.phase == "Succeeded"


@pytest.mark.long
def test_retries_run_out_and_the_study_goes_on() -> None:
    report = play_study(nodes(2), script=Once(3, 1, Ending(exit_code=1), times=99))
    assert report.trials["study-3"]["outcome"] == "Failed"
    assert (report.phase, report.status["trials"]["failed"]) == ("Succeeded", 1)


def test_quota_holds_whole_groups() -> None:
    """Five GPUs, two for each trial: two trials at once, and never more."""
    report = play_study(nodes(2, gpus=1, parallelism=8), extra=((QUOTAS, quota(5)),))
    assert (report.phase, report.most_at_once, report.trained_steps) == ("Succeeded", 2, 210)
    assert report.status["trials"]["failed"] == 0


def test_a_pod_of_the_group_deleted_by_someone_is_a_disruption_of_all(undisturbed: Report) -> None:
    async def meddle(store: MemoryStore) -> None:
        while True:
            await asyncio.sleep(0.3)
            try:
                pod = await store.get(PODS, NS, "study-4-1-r1")
            except NotFound:
                continue
            if pod["status"].get("phase") == "Running":
                await store.delete(PODS, NS, "study-4-1-r1")
                return

    report = play_study(nodes(2), meddle=meddle)
    assert report.outcome == undisturbed.outcome
    assert report.trials_seen_twice == []


def test_a_suspended_group_is_saved_and_goes_on(undisturbed: Report) -> None:
    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(3)
        await store.patch(STUDIES, NS, "study", {"spec": {"suspend": True}})
        await asyncio.sleep(60)
        assert all(p["status"]["phase"] in ("Succeeded", "Failed") for p in (await store.list(PODS, NS)).items)
        await store.patch(STUDIES, NS, "study", {"spec": {"suspend": False}})

    assert play_study(nodes(2), meddle=meddle).outcome == undisturbed.outcome
