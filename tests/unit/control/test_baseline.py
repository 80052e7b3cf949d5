"""The gate of a reasonable baseline through the whole controller: condition, Event, a search that does not begin."""

import asyncio
from functools import cache
from typing import Any

import pytest

from control.kubelet import Disk, SimulatedKubelet, verdict
from control.virtual import VirtualClock, run
from control.world import NAMESPACE, Report, play, study
from stepladder.control.controller import Controller
from stepladder.control.store import EVENTS, STUDIES, Object
from stepladder.local.store import MemoryStore
from stepladder.search.record import OptunaRecord

INITIAL = {"algorithm": "OneAtATime", "oneAtATime": {"baseline": [{"name": "x", "value": 0.7}]}}
SEARCH: dict[str, Any] = {"name": "search", "trials": 4, "maxSteps": 30}
WRONG = "validation_error 0.9 after 30 of 30 steps is not reasonable"


def gated(**options: Any) -> Object:
    first = {"name": "first", "maxSteps": 30, "sampler": INITIAL, "probe": {"type": "Baseline", "baseline": options}}
    return study(rounds=[first, SEARCH])


def reasonable(document: dict[str, Any]) -> dict[str, Any]:
    return verdict(document) | {"summary": "validation_error 0.1 is reasonable", "flags": []}


def unreasonable(document: dict[str, Any]) -> dict[str, Any]:
    return verdict(document) | {"summary": WRONG, "flags": ["NotReasonable"]}


def condition(report: Report) -> tuple[str, str, str]:
    (found,) = [c for c in report.status["conditions"] if c["type"] == "BaselineReasonable"]
    return found["status"], found["reason"], found["message"]


def test_a_reasonable_one_is_told_and_the_search_goes_on() -> None:
    report = play(gated(), answer=reasonable)
    assert (report.phase, report.reason, len(report.trials)) == ("Succeeded", "RoundsCompleted", 5)
    assert condition(report) == ("True", "Reasonable", "Round first: validation_error 0.1 is reasonable")


def test_one_that_is_not_ends_the_study_before_anything_is_searched() -> None:
    report = play(gated(), answer=unreasonable)
    assert (report.phase, report.reason, len(report.trials)) == ("Failed", "BaselineUnreasonable", 1)
    assert condition(report) == ("False", "NotReasonable", f"Round first: {WRONG}")
    assert report.live_pods == 0
    (ended,) = [c["message"] for c in report.status["conditions"] if c["type"] == "Succeeded"]
    assert ended.startswith(f"Round first: {WRONG}. Nothing is searched around such a baseline: apply another study")


def test_one_that_is_not_required_is_told_and_the_search_goes_on() -> None:
    report = play(gated(required=False), answer=unreasonable)
    assert (report.phase, len(report.trials)) == ("Succeeded", 5)
    assert condition(report)[:2] == ("False", "NotReasonable")


def test_a_study_without_a_baseline_has_no_such_condition() -> None:
    report = play(study(rounds=[SEARCH]))
    assert "BaselineReasonable" not in {c["type"] for c in report.status["conditions"]}


def test_what_a_trainer_is_told() -> None:
    told: list[Any] = []

    def answer(document: dict[str, Any]) -> dict[str, Any]:
        told.append(document["probe"])
        return reasonable(document)

    play(gated(reasonableError=0.3), answer=answer)
    assert told == [{"type": "Baseline", "reasonableError": 0.3}]


def test_an_event_warns_of_it_once() -> None:
    async def told() -> list[tuple[str, str, int]]:
        clock = VirtualClock()
        store = MemoryStore(clock=clock.now)
        nodes = asyncio.create_task(SimulatedKubelet(store, Disk(), verdict=unreasonable).run())
        await asyncio.sleep(0)
        await store.create(STUDIES, gated(required=False))
        running = asyncio.create_task(Controller(store, record=OptunaRecord("memory://"), clock=clock).run())
        await asyncio.sleep(300)
        running.cancel()
        nodes.cancel()
        found = (await store.list(EVENTS, NAMESPACE)).items
        return [(e["type"], e["message"], e["count"]) for e in found if e["reason"] == "NotReasonable"]

    assert run(told()) == [("Warning", f"Round first: {WRONG}", 1)]


@cache
def undisturbed() -> Report:
    return play(gated(), answer=unreasonable)


@pytest.mark.long
@pytest.mark.parametrize("write", range(1, len(undisturbed().writes) + 1))
def test_killed_after_any_write_the_gate_closes_all_the_same(write: int) -> None:
    report = play(gated(), answer=unreasonable, killed_after=write)
    assert (report.lives, report.outcome) == (2, undisturbed().outcome), report.writes[-1]
    assert condition(report) == condition(undisturbed())
