"""Killed after any single write, deaf to every event, or seeing late: the study ends the same.

Exhaustive: one run per write. A failure names the write after which the controller died, and what came out otherwise.
"""

from functools import cache
from typing import Any

import pytest

from control.world import Report, play, study
from stepladder.control.store import Object


def small(nodes: int) -> Object:
    container = {"name": "trainer", "image": "trainer"}
    return study(trainer={"template": {"spec": {"containers": [container]}}, "nodes": nodes})


@cache
def undisturbed(nodes: int = 1) -> Report:
    return play(small(nodes))


def test_the_undisturbed_study_is_what_the_others_are_held_against() -> None:
    report = undisturbed()
    assert (report.phase, report.reason) == ("Succeeded", "RoundsCompleted")
    # 9 at 10 steps, 3 on to 30, 1 on to 90: 9 * 10 + 3 * 20 + 60
    assert report.trained_steps == 210
    assert report.status["trainedSteps"] == 210
    outcomes = [t["outcome"] for t in report.trials.values()]
    assert (outcomes.count("Completed"), outcomes.count("Pruned")) == (1, 8)
    assert report.most_at_once == 1
    assert report.live_pods == 0


def test_two_nodes_find_what_one_does() -> None:
    assert undisturbed(2).outcome == undisturbed().outcome
    assert (undisturbed(2).most_at_once, undisturbed(2).live_pods) == (1, 0)


def first_segment(nodes: int) -> int:
    """Its last write. The next trial's is like it."""
    return [number for number, write in enumerate(undisturbed(nodes).writes) if write.startswith("create trials")][1]


def crashes(nodes: int, quickly: set[int]) -> list[Any]:
    """One for each write; those that are not among `quickly` are long."""
    writes = range(1, len(undisturbed(nodes).writes) + 1)
    return [pytest.param(nodes, at, marks=() if at in quickly else pytest.mark.long) for at in writes]


ONE_NODE = {*range(1, first_segment(1) + 1), *range(1, len(undisturbed().writes) + 1, 24)}
TWO_NODES = {*range(1, first_segment(2) + 1, 3)}


@pytest.mark.parametrize(("nodes", "write"), [*crashes(1, ONE_NODE), *crashes(2, TWO_NODES)])
def test_killed_after_a_write_ends_the_same(nodes: int, write: int) -> None:
    report = play(small(nodes), killed_after=write)
    died = report.writes[-1]
    assert report.lives == 2, f"the controller was not killed after write {write}, {died}"
    assert report.outcome == undisturbed().outcome, f"killed after write {write}: {died}"
    assert report.trials_seen_twice == [], f"killed after write {write}: {died}: two pods of one trial at once"
    assert report.live_pods == 0, f"killed after write {write}: {died}: a pod outlived the study"


def pods_made(nodes: int, most: int | None = None) -> list[Any]:
    """The first two, and the others as long ones."""
    verbs = ("create pods", "patch pods")
    writes = [number for number, write in enumerate(undisturbed(nodes).writes, start=1) if write.startswith(verbs)]
    return [pytest.param(nodes, at, marks=() if at in writes[:2] else pytest.mark.long) for at in writes[:most]]


@pytest.mark.parametrize(("nodes", "write"), [*pods_made(1), *pods_made(2, most=4)])
def test_down_while_trials_end(nodes: int, write: int) -> None:
    """Catches a pod that was started by the last life, has ended before the next, and is never looked at again; with
    two nodes, one that waits for the other for ever."""
    report = play(small(nodes), killed_after=write, down_for=100, latency=0.05)
    assert report.outcome == undisturbed().outcome, f"down after write {write}: {report.writes[-1]}"
    assert report.live_pods == 0


@pytest.mark.parametrize("nodes", [1, 2])
def test_deaf_to_every_event_ends_the_same(nodes: int) -> None:
    """Catches a state that only an event leads out of: the lists must repair all."""
    assert play(small(nodes), drops_events=True).outcome == undisturbed().outcome


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize("seconds", [7.0, *(pytest.param(s, marks=pytest.mark.long) for s in (0.5, 45.0))])
def test_stale_reads_end_the_same(seconds: float, nodes: int) -> None:
    """Catches a plan made on a state older than the controller's own writes."""
    report = play(small(nodes), delays_events=seconds)
    assert report.outcome == undisturbed().outcome
    assert report.most_at_once == 1


@pytest.mark.parametrize("parallelism", [3, 8])
def test_stale_reads_never_exceed_parallelism(parallelism: int) -> None:
    report = play(study(parallelism=parallelism), delays_events=7.0)
    assert report.outcome["phase"] == "Succeeded"
    assert report.most_at_once <= parallelism
    assert report.trained_steps == 210


@pytest.mark.long
def test_writes_per_segment_are_bounded() -> None:
    """Invariant 10: 13 segments; a write that repeats with the study's size would show in a larger study."""
    segments = 13
    per_segment = len(undisturbed().writes) / segments
    large_study = study()
    large_study["spec"]["rounds"][0]["trials"] = 81
    large = play(large_study, seconds=100_000)
    assert large.trained_steps == 81 * 10 + 27 * 20 + 9 * 60
    assert len(large.writes) / (81 + 27 + 9) <= per_segment + 1
    assert per_segment <= 10


def test_a_second_node_costs_four_writes_of_each_segment() -> None:
    """Its creation, its admission, that rank 0 runs already, and its deletion when all is recorded."""
    assert len(undisturbed(2).writes) - len(undisturbed().writes) == 4 * 13
