"""Who races: everybody in one table. A new mode of ours is one line."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from time import process_time

from bench.search import ours
from bench.search.problems import Problem
from bench.search.race import Improvement, Trace, Tuner, race
from stepladder.simulation.seeds import simulate

BUDGET = 80  # full runs that one study may train

PEERS = {
    "random to the end": "at_random:to_the_end",
    "Optuna Hyperband, random": "optuna_hyperband:hyperband_random",
    "Optuna Hyperband, TPE": "optuna_hyperband:hyperband_tpe",
    "Ray Tune ASHA": "ray_tune:asha",
    "Ray Tune HyperBand": "ray_tune:hyperband",
    "Ray Tune BOHB": "ray_tune:bohb",
    "Syne Tune ASHA": "syne_tune:asha",
    "Syne Tune BOHB": "syne_tune:bohb",
}

OURS = (  # sampler, pruner
    ("Random", "None"),
    ("QuasiRandom", "None"),
    ("Random", "SuccessiveHalving"),
    ("Random", "Hyperband"),
    ("Random", "Median"),
    ("Random", "LearningCurve"),
    ("Random", "ASHA"),
    ("QuasiRandom", "ASHA"),
    ("TPE", "ASHA"),
    ("GaussianProcess", "ASHA"),
    ("RandomForest", "ASHA"),
    ("QuasiRandom", "FreezeThaw"),
    ("RandomForest", "FreezeThaw"),
    ("Auto", "Auto"),
)


@dataclass(frozen=True)
class Study:
    """One seed of one contestant."""

    seed: int
    trace: Trace
    cpu_seconds: float  # of this process: sampler, scheduler and bookkeeping together


@dataclass(frozen=True)
class Contestant:
    """`source` is a peer's `module:function`, or our `sampler+pruner`."""

    name: str
    source: str

    @property
    def is_ours(self) -> bool:
        """Whether it is a mode of ours."""
        return "+" in self.source

    def run(self, problem: Problem, seed: int, workers: int, target: float | None) -> Study:
        """One study; to the budget, or until the target is met where one is given."""
        began = process_time()
        trace = (self._ours if self.is_ours else self._peer)(problem, seed, workers, target)
        return Study(seed, trace, process_time() - began)

    def _ours(self, problem: Problem, seed: int, workers: int, target: float | None) -> Trace:
        sampler, pruner = self.source.split("+")
        answer = simulate(ours.question_of(problem, sampler, pruner, workers, BUDGET, target), seed)
        improvements = tuple(Improvement(i.trained_steps, i.wall_seconds, i.best) for i in answer.trace)
        found = answer.measures
        return Trace(improvements, round(found.trained_steps), found.wall_seconds, round(found.trials))

    def _peer(self, problem: Problem, seed: int, workers: int, target: float | None) -> Trace:
        module, function = self.source.split(":")
        make: Callable[[Problem, int], Tuner] = getattr(import_module(f"bench.search.peers.{module}"), function)
        tuner = make(problem, seed)
        return race(tuner, problem.pool(), workers=workers, budget=BUDGET * problem.horizon, target=target)


CONTESTANTS = (
    *(Contestant(name, source) for name, source in PEERS.items()),
    *(Contestant(f"{sampler} × {pruner}", f"{sampler}+{pruner}") for sampler, pruner in OURS),  # noqa: RUF001
)
