"""What a person is shown: the snapshot's numbers, the plain lines, the live page, the report."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stepladder.api.study import TuningStudySpec
from stepladder.control.store import Object
from stepladder.local import report
from stepladder.local.layout import Layout
from stepladder.local.progress import Progress, line, panel
from stepladder.local.snapshot import Rung, Snapshot, planned_work, snapshot
from stepladder.local.time_left import Work

HYPERBAND = {"algorithm": "Hyperband", "minSteps": 30, "reductionFactor": 3}

AGAIN = {"name": "b", "from": {"round": "a", "best": 2}, "maxSteps": 100, "repeats": 3}


def spec(**changes: Any) -> Object:
    return {
        "objective": {"metric": "validation_error"},
        "parameters": [{"name": "x", "float": {"min": 0, "max": 1}}],
        "rounds": [
            {"name": "explore", "trials": 3, "maxSteps": 90, "pruner": HYPERBAND | {"algorithm": "SuccessiveHalving"}}
        ],
        "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "i"}]}}},
        **changes,
    }


def trial(number: int, steps: int, **status: Any) -> Object:
    return {
        "metadata": {"name": f"t-{number}"},
        "spec": {
            "study": "s",
            "number": number,
            "round": "explore",
            "parameters": {"x": 0.123456},
            "targetSteps": 90,
            "horizonSteps": 90,
        },
        "status": {"steps": steps, "trainedSteps": steps, **status},
    }


def observed(step: int, value: float) -> dict[str, Any]:
    return {"observations": [{"step": step, "value": value}], "best": {"step": step, "value": value}}


def condition(kind: str, status: str, message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": "R", "message": message, "lastTransitionTime": "x"}


def taken(*trials: Object, conditions: tuple[dict[str, Any], ...] = (), **status: Any) -> Snapshot:
    filled = {"round": "explore", "conditions": list(conditions), **status}
    return snapshot({"metadata": {"name": "s"}, "spec": spec(), "status": filled}, trials)


RUNNING = taken(
    trial(0, 90, outcome="Completed", **observed(90, 0.02)),
    trial(1, 30, outcome="Pruned", **observed(30, 0.2)),
    trial(2, 0, pod="t-2-1"),
)


def test_rungs_count_the_trials_that_have_come_so_far() -> None:
    assert RUNNING.rungs == (Rung(30, 2), Rung(90, 1))


def test_outcomes_are_counted_with_those_that_have_none() -> None:
    assert RUNNING.outcomes == {"completed": 1, "pruned": 1, "unfinished": 1}


@pytest.mark.parametrize(
    ("conditions", "verdict", "refused", "message"),
    [
        ((), None, False, ""),
        ((condition("Succeeded", "Unknown"),), None, False, ""),
        ((condition("Succeeded", "True", "done"),), True, False, "done"),
        ((condition("Succeeded", "False", "no result"),), False, False, "no result"),
        ((condition("Accepted", "False", "bad field"),), None, True, "bad field"),
        ((condition("Degraded", "True", "image missing"),), None, False, "image missing"),
        ((condition("Degraded", "False", "fine"), condition("Accepted", "True")), None, False, ""),
    ],
)
def test_conditions_become_a_verdict_and_a_sentence(
    conditions: tuple[dict[str, Any], ...], verdict: bool | None, refused: bool, message: str
) -> None:
    at = taken(conditions=conditions)
    assert (at.verdict, at.refused, at.message) == (verdict, refused, message)


@pytest.mark.parametrize(
    ("rounds", "work"),
    [
        (
            [{"name": "a", "trials": 49, "maxSteps": 810, "pruner": HYPERBAND}],
            Work(69, 10_710),
        ),  # Algorithm 1 of the paper
        ([{"name": "a", "trials": 3, "maxSteps": 90}], Work(3, 270)),
        (
            [{"name": "a", "trials": 9, "maxSteps": 270, "pruner": HYPERBAND | {"algorithm": "SuccessiveHalving"}}],
            Work(13, 630),
        ),
        ([{"name": "a", "trials": 2, "maxSteps": 10}, AGAIN], Work(8, 620)),
        (
            [{"name": "a", "trials": 2, "maxSteps": 10}, AGAIN | {"probe": {"type": "Instability"}}],
            Work(8, 20 + 6 * 300),
        ),
    ],
)
def test_planned_work_is_that_of_a_study_that_resumes_every_promotion(rounds: list[Object], work: Work) -> None:
    assert planned_work(TuningStudySpec.model_validate(spec(rounds=rounds))) == work


def test_a_line_tells_how_far_how_good_and_how_long() -> None:
    assert line(RUNNING, 75.0) == (
        "s: round explore; trials at rungs 30:2 90:1; 1 running, 2 of 3 ended; best validation_error 0.02 at step 90; "
        "120 of about 150 steps; about 1m 15s left"
    )
    assert line(taken(round=""), None) == "s: starting; 0 running, 0 of 3 ended; 0 of about 150 steps"


def shown(at: Snapshot, *, seconds_left: float | None = None) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(panel(at, seconds_left))
    return out.getvalue()


def test_the_live_page_shows_round_rungs_running_trials_best_and_time_left() -> None:
    page = shown(RUNNING, seconds_left=75.0)
    for expected in ("round explore (1 of 1)", "2 of 3 trials ended", "about 1m 15s left", "t-2", "0 → 90", "0.02"):
        assert expected in page
    rungs, counts = (next(row for row in page.splitlines() if row.startswith(head)) for head in ("rung", "trials"))
    assert rungs.split()[1:] == ["30", "90"]
    assert counts.split()[1:] == ["2", "1"]


def test_the_live_page_has_something_to_say_before_the_first_trial_and_when_something_is_wrong() -> None:
    page = shown(taken(round="", conditions=(condition("Degraded", "True", "image missing"),)))
    assert "starting" in page
    assert "image missing" in page


def failed(number: int, message: str) -> Object:
    attempt = {"number": 1, "pod": f"t-{number}-1", "reason": "Error"}
    return trial(number, 0, outcome="Failed", attempts=[attempt], conditions=[condition("Succeeded", "False", message)])


FAILING = taken(
    failed(0, "no task 'digit'"), failed(1, "hi\nTraceback ...\nKeyError: 'x'\n"), failed(2, "no task 'digit'")
)


def test_where_nothing_runs_a_deployment_the_report_says_how_to_serve_the_best_model() -> None:
    best = {"trial": "s-0", "value": 0.1, "step": 90, "checkpoint": "/home/me/s-0/step-90.pt", "parameters": {}}
    ended = {"metadata": {"name": "s"}, "spec": spec(serve={"port": 9000}), "status": {
        "conditions": [condition("Succeeded", "True", "done")], "best": best,
    }}  # fmt: skip
    command = "python -m stepladder_trainer serve --checkpoint=/home/me/s-0/step-90.pt --port=9000"
    assert command in "\n".join(report.lines(snapshot(ended, ()), Layout(Path("/home/me"))))
    ended["spec"] = spec()
    assert "serve" not in "\n".join(report.lines(snapshot(ended, ()), Layout(Path("/home/me"))))


def test_without_kubectl_the_report_alone_says_why_trials_failed_and_where_their_logs_are() -> None:
    said = report.lines(FAILING, Layout(Path("/home/me")))
    why = said[said.index("Why trials failed:") + 1 :]
    assert why[:4] == [
        "  t-0 and 1 more: no task 'digit'",
        "    log /home/me/logs/t-0-1.log",
        "  t-1: KeyError: 'x'",
        "    log /home/me/logs/t-1-1.log",
    ]
    assert report.summary(FAILING)["failures"] == [
        {"message": "no task 'digit'", "trials": 2, "first": "t-0"},
        {"message": "KeyError: 'x'", "trials": 1, "first": "t-1"},
    ]


def test_failures_are_said_while_the_study_goes_on() -> None:
    assert "3 trials failed: no task 'digit'" in line(FAILING, None)
    assert "3 trials failed: no task 'digit'" in shown(FAILING)


def test_a_study_that_trained_nothing_does_not_claim_to_have_saved_everything() -> None:
    assert report.saving(FAILING) == "No steps were trained."


def test_the_page_keeps_its_height_while_a_slot_is_empty_and_gives_it_back_at_the_end() -> None:
    def height(*conditions: dict[str, Any], pods: int) -> int:
        trials = [trial(number, 0, pod="p") for number in range(pods)]
        study = {"metadata": {"name": "s"}, "spec": spec(parallelism=2), "status": {"conditions": list(conditions)}}
        return len(shown(snapshot(study, trials)).splitlines())

    assert height(pods=0) == height(pods=1) == height(pods=2)
    assert height(condition("Succeeded", "True", "done"), pods=0) < height(pods=0)


def test_when_it_is_over_no_time_is_left_and_the_verdict_is_left_to_the_report() -> None:
    clock = [0.0]
    out = io.StringIO()
    progress = Progress(Console(file=out, width=120, force_terminal=True), clock=lambda: clock[0])
    with progress:
        progress.show(taken(trial(0, 30)))
        clock[0] = 10.0
        progress.show(taken(trial(0, 90), conditions=(condition("Succeeded", "True", "All done."),)))
    assert "steps" in out.getvalue()
    assert " left" not in out.getvalue()
    assert "All done." not in out.getvalue()


def plain(clock: list[float]) -> tuple[Progress, io.StringIO]:
    out = io.StringIO()
    return Progress(Console(file=out, width=40), clock=lambda: clock[0]), out


def test_without_a_terminal_there_is_a_line_every_few_seconds_at_most_and_none_without_news() -> None:
    clock = [0.0]
    progress, out = plain(clock)
    with progress:
        for clock[0] in (0.0, 1.0, 4.9):
            progress.show(taken(trial(0, int(clock[0]))))
        assert len(out.getvalue().splitlines()) == 1
        clock[0] = 5.0
        progress.show(RUNNING)
        assert len(out.getvalue().splitlines()) == 2
        assert "\x1b" not in out.getvalue()
        clock[0] = 20.0
        quiet = taken(round="")
        progress.show(quiet)
        clock[0] = 30.0
        progress.show(quiet)
    assert len(out.getvalue().splitlines()) == 3


def test_time_left_follows_from_the_steps_of_this_run_alone() -> None:
    """A resumed run must not count what earlier ones have trained."""
    clock = [0.0]
    progress, out = plain(clock)
    progress.show(taken(trial(0, 30, attemptCount=1)))
    clock[0] = 10.0
    progress.show(taken(trial(0, 90, attemptCount=2)))  # 1 segment of 4 and 60 steps of 150 in 10 s; 2 and 60 are left
    assert "left" not in out.getvalue().splitlines()[0]
    assert out.getvalue().splitlines()[1].endswith("about 14s left")


VERDICT = {
    "type": "LearningRateRange",
    "summary": "The loss falls fastest at 0.0123456.",
    "suggestions": {"learning_rate": 0.0123456},
    "flags": ["InputBound"],
    "picture": "/c/range.svg",
}


def finished(**best: Any) -> Snapshot:
    found = {"trial": "t-0", "value": 0.0223456, "step": 90, "parameters": {"x": 0.123456, "kind": "adam"}, **best}
    return taken(
        trial(0, 90, outcome="Completed", **observed(90, 0.02)),
        trial(1, 30, outcome="Pruned", **observed(30, 0.2)),
        conditions=(condition("Succeeded", "True", "The round is done."),),
        best=found,
        startTime="2026-01-01T00:00:00Z",
        completionTime="2026-01-01T00:03:07Z",
        rounds=[
            {"name": "explore", "spread": {"trial": "t-0", "mean": 0.5, "standardDeviation": 0.1, "repeats": 3}},
            {"name": "other", "spread": {"trial": "t-1", "mean": 0.5, "standardDeviation": 0, "repeats": 1}},
            {"name": "short", "message": "ended after 3 of 9 trials"},
            {"name": "range", "verdict": VERDICT},
        ],
    )


def test_the_report_has_the_best_configuration_its_error_its_checkpoint_and_what_was_saved() -> None:
    said = "\n".join(report.lines(finished(checkpoint="/c/step-00000090.pt"), Layout(Path("/home/me"))))
    for expected in (
        "Study s succeeded after 3m 07s. The round is done.",
        "trial t-0",
        "x: 0.1235",
        "kind: adam",
        "validation_error 0.02235 at step 90",
        "/c/step-00000090.pt",
        "2 trials: 1 completed, 1 pruned.",
        "Trained 120 steps; every trial to the end would have taken 180: 33% saved.",
        "mean 0.5, standard deviation 0.1 over 3 seeds",
        "round short ended after 3 of 9 trials",
        "Probe range (LearningRateRange): The loss falls fastest at 0.0123456.\n  learning_rate: 0.01235\n",
        "  noticed: InputBound\n  picture /c/range.svg\n",
        "/home/me",
    ):
        assert expected in said
    assert "over 1 seeds" not in said


def test_the_report_of_a_failure_says_why_and_promises_nothing() -> None:
    failed = taken(conditions=(condition("Succeeded", "False", "No trial has a result."),))
    said = "\n".join(report.lines(failed, Layout(Path("/home/me"))))
    assert "Study s failed" in said
    assert "No trial has a result." in said
    assert "Best configuration" not in said
    assert "No steps were trained." in said


def test_the_summary_is_the_promised_object() -> None:
    assert report.summary(finished(checkpoint="/c")) == {
        "study": "s",
        "succeeded": True,
        "message": "The round is done.",
        "trials": {"completed": 1, "pruned": 1},
        "failures": [],
        "trainedSteps": 120,
        "fullTrainingSteps": 180,
        "best": {
            "trial": "t-0",
            "parameters": {"x": 0.123456, "kind": "adam"},
            "value": 0.0223456,
            "step": 90,
            "checkpoint": "/c",
        },
        "probes": [{"round": "range", **VERDICT}],
        "wallSeconds": 187.0,
    }


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0s"), (59.4, "59s"), (60, "1m 00s"), (187, "3m 07s"), (3600, "1h 00m"), (7500, "2h 05m")],
)
def test_durations_are_said_as_people_do(seconds: float, said: str) -> None:
    assert report.duration(seconds) == said
