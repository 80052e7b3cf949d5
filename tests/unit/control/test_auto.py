"""Auto, through the whole controller: people are told what was chosen, once."""

import asyncio

from control.world import NAMESPACE, play, study
from stepladder.control.store import EVENTS
from stepladder.local.store import MemoryStore

AUTO = {"sampler": {"algorithm": "Auto"}, "pruner": {"algorithm": "Auto"}}
EXPLORE = {"name": "explore", "trials": 6, "maxSteps": 81} | AUTO
FINAL = {"name": "final", "from": {"round": "explore", "best": 1}, "maxSteps": 162}


def test_an_event_says_what_was_chosen_and_why() -> None:
    """Catches a choice that nobody learns of, and one told at every reconcile or of a round that leaves none."""
    told: list[tuple[str, int]] = []

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(2000)
        events = (await store.list(EVENTS, NAMESPACE)).items
        told.extend((e["message"], e["count"]) for e in events if e["reason"] == "AutoChose")

    report = play(study(rounds=[EXPLORE, FINAL]), meddle=meddle)
    assert report.reason == "RoundsCompleted"
    sampler = "sampler QuasiRandom, since 6 trials are too few for a model to learn from"
    pruner = "pruner ASHA, since one in 3 goes on from 1 step, and no slot waits for another"
    assert told == [(f"round explore: {sampler}; {pruner}", 1)]
