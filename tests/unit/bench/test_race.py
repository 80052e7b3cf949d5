"""The search benchmark's own counting, on made-up curves whose answers are plain."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from optuna.samplers._tpe import _truncnorm

from bench.measured import BETWEEN
from bench.search import __main__ as command
from bench.search import measures, optuna_speed, ours, report, tables
from bench.search.contestants import CONTESTANTS, Contestant
from bench.search.peers import at_random
from bench.search.problems import Problem
from bench.search.race import Decision, Take, Trace, race
from bench.search.results import Task

CURVES = (  # x, losses at steps 10, 20, 30, 40
    (0.1, (0.9, 0.8, 0.7, 0.6)),
    (0.2, (0.8, 0.5, 0.4, 0.3)),
    (0.3, (0.7, 0.6, None, None)),
)
STUDY = {
    "apiVersion": "tuning.stepladder.dev/v1alpha1",
    "kind": "TuningStudy",
    "metadata": {"name": "made-up"},
    "spec": {
        "objective": {"metric": "loss", "direction": "Minimize"},
        "parameters": [{"name": "x", "float": {"min": 0, "max": 1}}],
        "rounds": [
            {
                "name": "search",
                "trials": 3,
                "maxSteps": 40,
                "sampler": {"algorithm": "Random"},
                "pruner": {"algorithm": "ASHA", "minSteps": 10, "reductionFactor": 2},
            }
        ],
        "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "none"}]}}},
    },
}


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    lines = [{"parameters": {"x": x}, "steps": [10, 20, 30, 40], "values": {"loss": v}} for x, v in CURVES]
    study, file = tmp_path / "study.yaml", tmp_path / "curves.jsonl"
    study.write_text(json.dumps(STUDY))
    file.write_text("\n".join(map(json.dumps, lines)))
    return Problem("made_up", study, file)


class InOrder:
    """Trains the table from top to bottom and decides by a function of (trial, evaluation); resumes from a list."""

    def __init__(self, decide: Callable[[int, int], Decision], resume: tuple[int, ...] = ()) -> None:
        self.decide, self.resume = decide, list(resume)
        self.started = 0
        self.heard: list[tuple[int, int, float]] = []
        self.lost: list[int] = []

    def start(self, take: Take) -> int | None:
        if self.started < len(CURVES):
            self.started += 1
            proposal: Mapping[str, float] = {"x": CURVES[self.started - 1][0]}
            return None if take(self.started - 1, proposal) is None else self.started - 1
        return self.resume.pop(0) if self.resume else None

    def report(self, trial: int, evaluation: int, value: float) -> Decision:
        self.heard.append((trial, evaluation, value))
        return self.decide(trial, evaluation)

    def diverged(self, trial: int) -> None:
        self.lost.append(trial)


def to_the_end(trial: int, evaluation: int) -> Decision:
    return Decision.CONTINUE


def go(problem: Problem, tuner: InOrder, workers: int = 1, budget: int = 1000, target: float | None = None) -> Trace:
    return race(tuner, problem.pool(), workers=workers, budget=budget, target=target)


def test_a_trial_that_diverges_is_paid_for_up_to_where_it_did(problem: Problem) -> None:
    # Would catch: a diverged trial billed to the end, or for free; its nulls reported as values.
    tuner = InOrder(to_the_end)
    trace = go(problem, tuner)
    assert trace.trained == 40 + 40 + 30
    assert tuner.lost == [2]
    assert [e for t, e, _ in tuner.heard if t == 2] == [1, 2]
    assert [(i.trained, i.best) for i in trace.improvements] == [
        (10, 0.9), (20, 0.8), (30, 0.7), (40, 0.6), (60, 0.5), (70, 0.4), (80, 0.3),
    ]  # fmt: skip


def test_a_stopped_trial_costs_what_it_trained(problem: Problem) -> None:
    # Would catch: whole runs billed to tuners that stop early.
    def only_the_second(trial: int, evaluation: int) -> Decision:
        return Decision.CONTINUE if trial == 1 else Decision.STOP

    assert go(problem, InOrder(only_the_second)).trained == 10 + 40 + 10


def test_a_paused_trial_goes_on_from_its_checkpoint(problem: Problem) -> None:
    # Would catch: promotions billed from step 0, or their earlier evaluations told again.
    def pause_at_first(trial: int, evaluation: int) -> Decision:
        return Decision.PAUSE if evaluation == 1 else Decision.CONTINUE

    tuner = InOrder(pause_at_first, resume=(1,))
    assert go(problem, tuner).trained == 10 + 10 + 10 + 30
    assert [e for t, e, _ in tuner.heard if t == 1] == [1, 2, 3, 4]


def test_workers_train_side_by_side(problem: Problem) -> None:
    # Would catch: a wall clock that adds workers up, steps on their way left out of the count.
    trace = go(problem, InOrder(to_the_end), workers=2)
    # The first two end at 40, the third trains from 40 to 70.
    assert (trace.trained, trace.wall) == (110, 70.0)
    assert [(i.trained, i.wall) for i in trace.improvements if i.best == 0.5] == [(40, 20.0)]


def test_the_budget_and_the_target_end_a_race(problem: Problem) -> None:
    # Would catch: races that go on for nothing, or end an evaluation early.
    assert go(problem, InOrder(to_the_end), budget=55).trained == 60
    assert go(problem, InOrder(to_the_end), target=0.5).trained == 60


def test_the_table_is_used_once(problem: Problem) -> None:
    # Would catch: a configuration trained twice where two proposals lie near it.
    trace = race(at_random.to_the_end(problem, 0), problem.pool(), workers=1, budget=1000)
    assert (trace.trials, trace.trained) == (3, 110)


def test_the_target_is_what_random_finds(problem: Problem) -> None:
    # With fewer configurations than 40 random search finds the best of them.
    assert problem.target == problem.optimum == 0.3


def test_our_random_search_trains_what_theirs_does(problem: Problem) -> None:
    # Would catch: our modes counted by another rule than the peers.
    found = Contestant("Random", "Random+None").run(problem, seed=0, workers=1)
    assert (found.trace.trials, found.trace.trained, found.idle) == (3, 110, 0)
    assert min(i.best for i in found.trace.improvements) == 0.3


def test_our_modes_get_the_whole_table_and_the_budget(problem: Problem) -> None:
    asked = ours.question_of(problem, "Random", "ASHA", 16, 80, 0.5)
    spec = asked.spec
    assert (spec.rounds[0].trials, spec.budget.trained_steps, spec.parallelism) == (3, 3200, 16)
    assert (spec.rounds[0].pruner.algorithm, spec.objective.target) == ("ASHA", 0.5)


def mode(sampler: str, pruner: str) -> str:
    return f"{sampler}{BETWEEN}{pruner}"


def result(contestant: str, workers: int, *meetings: int | None, whole: bool = True) -> measures.Results:
    """Studies that meet the target at these steps, or never, and train 400."""
    studies = [
        {
            "seed": seed,
            "cpu_seconds": 1.0,
            "idle": 20.0 * seed,
            "trace": {
                "improvements": [] if at is None else [{"trained": at, "wall": at / workers, "best": 0.1}],
                "trained": 400,
                "wall": 400 / workers,
            },
        }
        for seed, at in enumerate(meetings)
    ]
    return {"problem": "p", "contestant": contestant, "ours": contestant == "a", "workers": workers, "horizon": 10,
            "whole": whole, "target": 0.2, "optimum": 0.1, "studies": studies, "versions": {}}  # fmt: skip


RANDOM = CONTESTANTS[0].name
RACE = (
    result(RANDOM, 1, 400, 400, 100),
    result("a", 1, 40, 80, None),
    result("a", 16, 80, 80, 80),
    result("b", 1, None, None, 10),
)


def test_rows() -> None:
    # Would catch: seeds that never meet the target left out of the median, ratios upside down; speed-ups of studies
    # that end at the target passed off as those of whole ones; slots that idle in one seed of many lost in a mean.
    _, a, b = measures.rows(RACE, RANDOM)
    assert (a.runs_to_target, a.gain, a.reached, a.regret) == (8.0, 5.0, 2 / 3, 0.0)
    assert (a.wall, a.speedup, a.whole_speedup, a.idle) == (0.5, 16.0, 16.0, 4.0)
    assert (b.runs_to_target, b.gain) == (math.inf, 0.0)
    assert math.isnan(b.speedup)
    assert math.isnan(b.idle)
    _, ended = measures.rows([RACE[0], RACE[1], result("a", 16, 80, 80, 80, whole=False)], RANDOM)
    assert math.isnan(ended.whole_speedup)


def test_a_target_that_is_never_met_is_said_so() -> None:
    _, _, b = measures.rows(RACE, RANDOM)
    named = replace(b, contestant="Optuna Hyperband, TPE")
    assert "| Optuna Hyperband, TPE | never (33%) | 0.00 | 1.00 |" in tables.overall([named])


def test_a_mode_of_ours_that_is_slower_than_random_is_named() -> None:
    # Would catch: peers accused, ten percent in the wrong direction, a target never met that counts as met at once.
    _, a, _ = measures.rows(RACE, RANDOM)
    gains = {mode("Random", "ASHA"): 0.95, mode("Random", "Median"): 0.9, mode("Random", "Hyperband"): 0.0}
    rows = [replace(a, contestant=name, gain=gain) for name, gain in {**gains, "Ray Tune ASHA": 0.5}.items()]
    assert [row.contestant for row in tables.worse_than_random(rows)] == list(gains)[1:]


def test_figures_for_other_programs() -> None:
    # Would catch: infinity written as JSON has it not; 16 workers compared with one; a median over who met the target.
    found = measures.figures(RACE, RANDOM)
    assert found[1] == {
        "table": "p", "contestant": "a", "workers": 1, "seeds": 3, "reached": 2, "medianSteps": 80.0,
        "medianTime": 80.0, "ratioToRandom": 5.0,
    }  # fmt: skip
    assert (found[2]["medianSteps"], found[2]["medianTime"], found[2]["ratioToRandom"]) == (80.0, 5.0, None)
    assert (found[3]["medianSteps"], found[3]["ratioToRandom"]) == (None, None)


def test_publishing_puts_the_tables_into_the_page(tmp_path: Path) -> None:
    # Would catch: results added a second time, synthetic tables among the recorded ones.
    page = tmp_path / "search-benchmark.md"
    page.write_text("before\n<!-- results -->\nold\n<!-- end -->\nafter\n")
    synthetic = {**RACE[0], "problem": "adam8p_x"}
    for _ in range(2):
        report.publish([*RACE, synthetic], tmp_path)
    text = page.read_text()
    assert text.startswith("before\n<!-- results -->\n\n### Recorded tables\n")
    assert text.endswith("<!-- end -->\nafter\n")
    assert (text.count("### Recorded"), text.count("### Synthetic"), text.count("old")) == (1, 1, 0)
    found = json.loads((tmp_path / "search-results.json").read_text())
    assert (len(found["rows"]), len(found["syntheticRows"]), found["conditions"]["seeds"]) == (4, 1, 3)


def test_optunas_tpe_is_faster_and_no_other() -> None:
    # Would catch: another function than the logarithm of the normal distribution in its place.
    x = np.linspace(-40, 10, 101)
    before = _truncnorm._log_ndtr(x)  # noqa: SLF001  it has no public name
    optuna_speed.up()
    assert _truncnorm._log_ndtr(x) == pytest.approx(before, rel=1e-12)  # noqa: SLF001  likewise


def test_results_are_found_again_until_something_changes(problem: Problem, tmp_path: Path) -> None:
    # Would catch: figures of an older table shown beside newer ones.
    task = Task(problem, CONTESTANTS[0], 1, 2)
    assert "2 studies" in command.run(task, tmp_path / "out")
    assert "known" in command.run(task, tmp_path / "out")
    problem.file.write_text(problem.file.read_text().replace("0.9", "0.95"))
    assert task.known(tmp_path / "out") is None


def test_results_of_older_code_are_still_for_the_report(problem: Problem, tmp_path: Path) -> None:
    # Would catch: a change to one sampler that empties the page of all others.
    task = Task(problem, CONTESTANTS[0], 1, 1)
    command.run(task, tmp_path)
    path = task.path(tmp_path)
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "code": "older"}))
    assert task.known(tmp_path) is None
    assert task.known(tmp_path, any_code=True)
    assert "known" in command.run(task, tmp_path, any_code=True)
    path.write_text(json.dumps({**found, "format": 1}))
    assert task.known(tmp_path, any_code=True) is None


def test_a_contestant_that_cannot_run_is_named(problem: Problem, tmp_path: Path) -> None:
    task = Task(problem, Contestant("nobody", "nothing:here"), 1, 1)
    assert "NOT RUN, ModuleNotFoundError" in command.run(task, tmp_path)


def test_quick_is_two_seeds_of_one_table() -> None:
    todo = command.tasks(command.arguments(["--quick"]))
    assert {task.seeds for task in todo} == {2}
    assert len({task.problem.name for task in todo}) == 1
    assert len(todo) == 2 * len(CONTESTANTS)


def test_who_is_cheap_and_spreads_gets_more_seeds() -> None:
    todo = command.tasks(command.arguments(["--seeds", "20", "--tables", "digits_mlp"]))
    seeds = {(task.contestant.name, task.workers): task.seeds for task in todo}
    assert [seeds[name, 1] for name in (RANDOM, mode("Random", "None"), mode("Random", "ASHA"))] == [200, 100, 20]
    assert {count for (_, workers), count in seeds.items() if workers == 16} == {20}


def test_whole_studies_are_those_that_are_cheap() -> None:
    # Would catch: the Gaussian process sent on for hours after it has met the target.
    whole = {(c.name, w) for c in CONTESTANTS for w in (1, 16) if c.whole(w)}
    assert {(RANDOM, 1), (mode("Random", "ASHA"), 1), (mode("Random", "ASHA"), 16), (mode("TPE", "ASHA"), 1)} <= whole
    assert (
        not {(RANDOM, 16), (mode("TPE", "ASHA"), 16), (mode("GaussianProcess", "ASHA"), 1), (mode("Auto", "Auto"), 1)}
        & whole
    )
