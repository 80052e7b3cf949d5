"""The search benchmark's own counting, on made-up curves whose answers are plain."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bench.search import __main__ as command
from bench.search import measures, ours, report
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
    found = Contestant("Random", "Random+None").run(problem, seed=0, workers=1, target=None).trace
    assert (found.trials, found.trained) == (3, 110)
    assert min(i.best for i in found.improvements) == 0.3


def test_our_modes_get_the_whole_table_and_the_budget(problem: Problem) -> None:
    asked = ours.question_of(problem, "Random", "ASHA", 16, 80, 0.5)
    spec = asked.spec
    assert (spec.rounds[0].trials, spec.budget.trained_steps, spec.parallelism) == (3, 3200, 16)
    assert (spec.rounds[0].pruner.algorithm, spec.objective.target) == ("ASHA", 0.5)


def result(contestant: str, workers: int, *meetings: int | None) -> measures.Results:
    """Studies that meet the target at these steps, or never."""
    studies = [
        {
            "seed": seed,
            "cpu_seconds": 1.0,
            "trace": {"improvements": [] if at is None else [{"trained": at, "wall": at / workers, "best": 0.1}]},
        }
        for seed, at in enumerate(meetings)
    ]
    return {"problem": "p", "contestant": contestant, "ours": False, "workers": workers, "horizon": 10,
            "target": 0.2, "optimum": 0.1, "studies": studies}  # fmt: skip


def test_rows() -> None:
    # Would catch: seeds that never meet the target left out of the median, ratios upside down.
    found = measures.rows(
        [result("random", 1, 400, 400, 100), result("a", 1, 40, 80, None), result("a", 16, 80, 80, 80),
         result("b", 1, None, None, 10)],
        "random",
    )  # fmt: skip
    _, a, b = found
    assert (a.runs_to_target, a.gain, a.reached, a.regret) == (8.0, 5.0, 2 / 3, 0.0)
    assert (a.wall, a.speedup) == (0.5, 16.0)
    assert (b.runs_to_target, b.gain) == (math.inf, 0.0)
    assert "| b | never | 0.00 | 33% |" in report.markdown(
        [measures.Row(**{**b.__dict__, "contestant": CONTESTANTS[0].name})]
    ).replace(CONTESTANTS[0].name, "b")


def test_results_are_found_again_until_something_changes(problem: Problem, tmp_path: Path) -> None:
    # Would catch: figures of an older table shown beside newer ones.
    task = Task(problem, CONTESTANTS[0], 1, 2)
    assert "2 studies" in command.run(task, tmp_path / "out")
    assert "known" in command.run(task, tmp_path / "out")
    problem.file.write_text(problem.file.read_text().replace("0.9", "0.95"))
    assert task.known(tmp_path / "out") is None


def test_a_contestant_that_cannot_run_is_named(problem: Problem, tmp_path: Path) -> None:
    task = Task(problem, Contestant("nobody", "nothing:here"), 1, 1)
    assert "NOT RUN, ModuleNotFoundError" in command.run(task, tmp_path)


def test_quick_is_two_seeds_of_one_table() -> None:
    todo = command.tasks(command.arguments(["--quick"]))
    assert {task.seeds for task in todo} == {2}
    assert len({task.problem.name for task in todo}) == 1
    assert len(todo) == 2 * len(CONTESTANTS)
