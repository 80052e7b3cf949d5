"""Rounds that take a value from a probe, through the whole controller."""

from functools import cache
from typing import Any

import pytest

from control.kubelet import Ending
from control.world import Report, play, study
from stepladder.control.store import Object

# What the simulated trainer's probes suggest is a learning rate of 0.01.
RANGE: dict[str, Any] = {
    "name": "range",
    "maxSteps": 20,
    "probe": {"type": "LearningRateRange"},
    "sampler": {"algorithm": "Explicit", "explicit": {"configurations": [{"x": 0.7}]}},
}
TAKEN = [{"name": "learning_rate", "valueFrom": {"round": "range", "suggestion": "learning_rate"}}]
SEARCH: dict[str, Any] = {"name": "search", "trials": 2, "maxSteps": 30, "parameters": TAKEN}
FINAL: dict[str, Any] = {"name": "final", "from": {"round": "search"}, "maxSteps": 60, "parameters": TAKEN}


def ranged(*rounds: dict[str, Any]) -> Object:
    rate = {"name": "learning_rate", "role": "Fixed", "value": 0.1}
    return study(rounds=list(rounds), parameters=[{"name": "x", "float": {"min": 0.0, "max": 1.0}}, rate])


@cache
def undisturbed() -> Report:
    return play(ranged(RANGE, SEARCH, FINAL))


def test_the_trials_of_later_rounds_have_the_value_in_their_specs() -> None:
    report = undisturbed()
    assert (report.phase, report.reason) == ("Succeeded", "RoundsCompleted")
    rates = [(trial["round"], trial["parameters"]["learning_rate"]) for trial in report.trials.values()]
    assert rates == [("range", 0.1), ("search", 0.01), ("search", 0.01), ("final", 0.01)]


FIRST, LAST = (undisturbed().writes.index(f"create trials study-{number}") + 1 for number in (0, 1))


@pytest.mark.parametrize("write", range(FIRST, LAST + 1))
def test_killed_between_the_probe_and_the_search_it_finds_the_same(write: int) -> None:
    """Promise 7. Catches a value that only the process knew, and one that is stored nowhere but in an answer to it."""
    report = play(ranged(RANGE, SEARCH, FINAL), killed_after=write)
    assert (report.lives, report.outcome) == (2, undisturbed().outcome), report.writes[-1]


def test_a_probe_that_has_failed_fails_the_study_with_a_sentence() -> None:
    """Catches a study that hangs, and one that searches with a rate that was only for the probe."""
    report = play(ranged(RANGE, SEARCH), script=lambda document: Ending(78) if "probe" in document else None)
    assert (report.phase, report.reason, list(report.trials)) == ("Failed", "NoSuggestion", ["study-0"])
    (message,) = [c["message"] for c in report.status["conditions"] if c["type"] == "Succeeded"]
    assert message.startswith("Round search takes learning_rate from learning_rate of range, which has come to no ")
    assert "study-0: " in message
    assert "Apply another study, with a value in the place of valueFrom" in message
