"""Studies that begin from an earlier one."""

import asyncio
from typing import Any

import pytest

from control.world import NAME, NAMESPACE, play, study
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.store import EVENTS, STUDIES, TRIALS, Object
from stepladder.local.store import MemoryStore

MINE = {names.STUDY_LABEL: NAME}
ROUND: dict[str, Any] = {"name": "explore", "trials": 4, "maxSteps": 9}


def warm() -> Object:
    sampler = {"algorithm": "Random", "warmStart": [{"study": "earlier", "best": 2}]}
    return study(rounds=[ROUND | {"sampler": sampler}])


def earlier() -> Object:
    # A wider range, of which this study's ends at 1.
    listed = [{"x": 0.25}, {"x": 0.9}, {"x": 1.1}]
    round_ = {
        "name": "listed",
        "maxSteps": 9,
        "sampler": {"algorithm": "Explicit", "explicit": {"configurations": listed}},
    }
    manifest = study(rounds=[round_], parameters=[{"name": "x", "float": {"min": 0.0, "max": 2.0}}])
    manifest["metadata"] = {"name": "earlier", "namespace": NAMESPACE}
    return manifest


def test_it_waits_for_the_earlier_study_and_tries_its_best_first() -> None:
    said: list[str] = []

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(5)
        status = (await store.get(STUDIES, NAMESPACE, NAME))["status"]
        said.extend(c["message"] for c in status["conditions"] if c["type"] == ConditionType.DEGRADED)
        await store.create(STUDIES, earlier())

    report = play(warm(), meddle=meddle)
    assert said == [
        "round explore: sampler.warmStart: there is no study earlier in namespace lab: apply it, and this one goes on"
        " when it has finished"
    ]
    cold = play(study(rounds=[ROUND | {"sampler": {"algorithm": "Random"}}]))
    values = [report.trials[f"study-{n}"]["parameters"]["x"] for n in range(4)]
    assert values[:2] == [0.25, 0.9]  # the simulated trainer likes 0.3 best
    assert values[2:] == [cold.trials[f"study-{n}"]["parameters"]["x"] for n in (2, 3)]  # its own numbers go on


@pytest.mark.parametrize("algorithm", ["Random", "TPE"])
def test_the_earlier_study_may_go_once_the_round_has_begun(algorithm: str) -> None:
    """Catches a study that waits for ever for a study that was deleted, loses a trial with it, or plans one anew."""
    degraded: list[str] = []
    begun: dict[str, Any] = {}

    async def meddle(store: MemoryStore) -> None:
        await store.create(STUDIES, earlier())
        while not begun:
            await asyncio.sleep(0.5)
            begun.update({t["metadata"]["name"]: t for t in (await store.list(TRIALS, NAMESPACE, MINE)).items})
        await store.delete(STUDIES, NAMESPACE, "earlier")
        await asyncio.sleep(20)
        assert (await store.list(TRIALS, NAMESPACE, {names.STUDY_LABEL: "earlier"})).items == ()
        status = (await store.get(STUDIES, NAMESPACE, NAME))["status"]
        degraded.extend(c["message"] for c in status["conditions"] if c["type"] == ConditionType.DEGRADED)

    manifest = warm()
    manifest["spec"]["rounds"][0]["sampler"]["algorithm"] = algorithm
    report = play(manifest, meddle=meddle)
    assert list(begun) == ["study-0"]
    assert (report.reason, degraded) == ("RoundsCompleted", [""])
    assert [trial["outcome"] for trial in report.trials.values()] == ["Completed"] * 4
    assert report.trained_steps == 3 * 9 + 4 * 9, "the earlier study's and its own, none of them twice"
    assert report.trials["study-0"]["parameters"] == begun["study-0"]["spec"]["parameters"] == {"x": 0.25}


@pytest.mark.parametrize(("size", "told"), [(64, 1), (32, 0)])
def test_another_batch_size_than_the_earlier_study_had_is_told_once(size: int, told: int) -> None:
    """Catches results that are taken for evidence silently, and an Event with every trial."""
    said: list[Object] = []
    rate = {"name": "learning_rate", "float": {"min": 0.01, "max": 1.0}}
    x = {"name": "x", "role": "Fixed", "value": 0.5}

    def sized(manifest: Object, batch_size: int) -> Object:
        batch = {"name": "batch_size", "role": "Fixed", "value": batch_size}
        manifest["spec"]["parameters"] = [rate, x, batch]
        return manifest

    async def meddle(store: MemoryStore) -> None:
        await store.create(STUDIES, sized(before, 32))
        await asyncio.sleep(300)
        said.extend((await store.list(EVENTS, NAMESPACE)).items)

    before = earlier()
    listed = [{"learning_rate": 0.1}, {"learning_rate": 0.2}]
    before["spec"]["rounds"][0]["sampler"]["explicit"]["configurations"] = listed
    report = play(sized(warm(), size), meddle=meddle)
    assert report.reason == "RoundsCompleted"
    events = [(event["message"], event["count"]) for event in said if event["reason"] == "RetuneRequired"]
    message = (
        "round explore: batch_size is 64 here and was 32 in study earlier, whose results are no evidence for this size:"
        " learning_rate must be tuned anew, so leave the ranges wide, or keep the size"
    )
    assert events == [(message, 1)] * told
