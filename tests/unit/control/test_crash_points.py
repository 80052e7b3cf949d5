"""Killed after any single write, deaf to every event, or seeing late: the study ends the same.

Exhaustive: one run per write. A failure names the write after which the controller died, and what came out otherwise.
"""

from functools import cache

import pytest

from control.world import Report, play, study


@cache
def undisturbed() -> Report:
    return play()


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


WRITES = range(1, len(undisturbed().writes) + 1)


@pytest.mark.parametrize("write", WRITES)
def test_killed_after_a_write_ends_the_same(write: int) -> None:
    report = play(killed_after=write)
    died = report.writes[-1]
    assert report.lives == 2, f"the controller was not killed after write {write}, {died}"
    assert report.outcome == undisturbed().outcome, f"killed after write {write}: {died}"
    assert report.trials_seen_twice == [], f"killed after write {write}: {died}: two pods of one trial at once"
    assert report.live_pods == 0, f"killed after write {write}: {died}: a pod outlived the study"


PODS_MADE = [number for number, write in enumerate(undisturbed().writes, start=1) if write.startswith("create pods")]


@pytest.mark.parametrize("write", PODS_MADE)
def test_down_while_trials_end(write: int) -> None:
    """Catches a pod that was started by the last life, has ended before the next, and is never looked at again."""
    report = play(killed_after=write, down_for=100, latency=0.05)
    assert report.outcome == undisturbed().outcome, f"down after write {write}: {report.writes[-1]}"
    assert report.live_pods == 0


def test_deaf_to_every_event_ends_the_same() -> None:
    """Catches a state that only an event leads out of: the lists must repair all."""
    assert play(drops_events=True).outcome == undisturbed().outcome


@pytest.mark.parametrize("seconds", [0.5, 7.0, 45.0])
def test_stale_reads_end_the_same(seconds: float) -> None:
    """Catches a plan made on a state older than the controller's own writes."""
    report = play(delays_events=seconds)
    assert report.outcome == undisturbed().outcome
    assert report.most_at_once == 1


@pytest.mark.parametrize("parallelism", [3, 8])
def test_stale_reads_never_exceed_parallelism(parallelism: int) -> None:
    report = play(study(parallelism=parallelism), delays_events=7.0)
    assert report.outcome["phase"] == "Succeeded"
    assert report.most_at_once <= parallelism
    assert report.trained_steps == 210


def test_writes_per_segment_are_bounded() -> None:
    """Invariant 10: 13 segments; a write that repeats with the study's size would show in a larger study."""
    segments = 13
    small = len(undisturbed().writes) / segments
    large_study = study()
    large_study["spec"]["rounds"][0]["trials"] = 81
    large = play(large_study, seconds=100_000)
    assert large.trained_steps == 81 * 10 + 27 * 20 + 9 * 60
    assert len(large.writes) / (81 + 27 + 9) <= small + 1
    assert small <= 10
