"""Rounds that end before all their trials, through the whole controller: people are told why."""

import asyncio

from control.world import NAMESPACE, play, study
from stepladder.control.store import EVENTS
from stepladder.local.store import MemoryStore

SEARCH = {"name": "search", "trials": 20, "maxSteps": 9, "stopWhenNoImprovement": {"trials": 3}}
FINAL = {"name": "final", "from": {"round": "search", "best": 1}, "maxSteps": 90}


def test_an_event_and_the_rounds_status_say_why_and_once() -> None:
    """Catches a study whose round stops short of its trials in silence, or that tells of it at every reconcile."""
    told: list[tuple[str, int]] = []

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(2000)
        events = (await store.list(EVENTS, NAMESPACE)).items
        told.extend((e["message"], e["count"]) for e in events if e["reason"] == "RoundEndedEarly")

    report = play(study(rounds=[SEARCH, FINAL]), meddle=meddle)
    count = sum(trial["round"] == "search" for trial in report.trials.values())
    assert 3 < count < 20
    message = (
        f"ended after {count} of 20 trials: 3 in a row were no better than one before them (stopWhenNoImprovement)"
    )
    assert [r.get("message", "") for r in report.status["rounds"]] == [message, ""]
    assert told == [(f"round search has {message}", 1)]
    assert report.reason == "RoundsCompleted"
