"""Trials that a person applies for a study that runs."""

import asyncio
from functools import cache
from typing import Any

import pytest

from control.world import NAME, NAMESPACE, Report, play, study
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.control.store import STUDIES, TRIALS, Object
from stepladder.local.store import MemoryStore

BEST = {"x": 0.3}  # see the simulated trainer: nothing is better
FINAL: dict[str, Any] = {"name": "final", "from": {"round": "explore", "best": 1}, "maxSteps": 270}


def added(name: str = "by-hand", **spec: Any) -> Object:
    defaults = {"seed": 0, "number": 0, "desired": "Run"}  # which the API server puts in
    given = {"study": NAME, "round": "explore", "parameters": BEST, "targetSteps": 90, "horizonSteps": 90, **defaults}
    return {
        "apiVersion": TRIALS.api_version,
        "kind": TRIALS.kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": given | spec,
    }


def two_rounds() -> Object:
    manifest = study()
    manifest["spec"]["rounds"].append(FINAL)
    return manifest


@cache
def undisturbed() -> Report:
    return play(two_rounds(), extra=((TRIALS, added()),))


def test_an_added_trial_is_trained_counted_and_taken_by_the_next_round_and_moves_nothing() -> None:
    with_it, without = undisturbed(), play(two_rounds())
    ours = {name: trial for name, trial in with_it.trials.items() if trial["round"] == "explore" and name != "by-hand"}
    assert {name: t["parameters"] for name, t in ours.items()} == {
        name: t["parameters"] for name, t in without.trials.items() if t["round"] == "explore"
    }
    assert len(ours) == 9
    assert with_it.trials["by-hand"]["outcome"] == "Completed"
    assert with_it.most_at_once == 1  # it takes its turn
    assert with_it.status["trials"]["total"] == 11
    assert with_it.status["progress"] == "0/11/11"
    [final] = [trial for trial in with_it.trials.values() if trial["round"] == "final"]
    assert final["parameters"] == BEST
    assert with_it.best is not None
    assert with_it.best["parameters"] == BEST


WRITES = range(1, len(undisturbed().writes) + 1)


@pytest.mark.parametrize("write", [at if at % 30 == 1 else pytest.param(at, marks=pytest.mark.long) for at in WRITES])
def test_killed_after_a_write_ends_the_same(write: int) -> None:
    report = play(two_rounds(), extra=((TRIALS, added()),), killed_after=write)
    assert report.outcome == undisturbed().outcome, f"killed after write {write}: {report.writes[-1]}"
    assert report.trials_seen_twice == []
    assert report.live_pods == 0


def test_added_in_the_middle_it_goes_with_its_study() -> None:
    found: list[Object] = []

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(5)
        await store.create(TRIALS, added())
        await asyncio.sleep(5)
        found.append(await store.get(TRIALS, NAMESPACE, "by-hand"))

    report = play(meddle=meddle)
    assert report.trials["by-hand"]["outcome"] == "Completed"
    meta = found[0]["metadata"]
    assert meta["labels"] == {names.STUDY_LABEL: NAME, names.ROUND_LABEL: "explore", names.ADDED_LABEL: "true"}
    assert [reference["name"] for reference in meta["ownerReferences"]] == [NAME]


def test_one_that_is_to_stop_short_of_its_horizon_keeps_the_study_from_nothing() -> None:
    """It is on no ladder: nobody would promote it, and the study would wait for it for ever."""
    report = play(extra=((TRIALS, added(targetSteps=30)),))
    assert report.phase == "Succeeded"
    assert report.trials["by-hand"]["outcome"] == "Pruned"
    assert report.trained_steps == 210 + 30


def test_what_cannot_be_taken_in_is_said_and_harms_nothing() -> None:
    said: list[str] = []

    async def meddle(store: MemoryStore) -> None:
        await asyncio.sleep(5)
        status = (await store.get(STUDIES, NAMESPACE, NAME))["status"]
        said.extend(c["message"] for c in status["conditions"] if c["type"] == ConditionType.DEGRADED)

    strangers = (added("lost", round="nowhere"), added("other", study="elsewhere"))
    report = play(extra=tuple((TRIALS, trial) for trial in strangers), meddle=meddle)
    assert report.phase == "Succeeded"
    assert said == [
        "Trial lost names round nowhere, which this study does not have: apply it again with spec.round one of explore"
    ]
