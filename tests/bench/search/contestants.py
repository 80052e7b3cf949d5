"""Who races: everybody in one table. A new mode of ours is one line."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from time import process_time

from bench.measured import BETWEEN
from bench.search import ours
from bench.search.problems import Problem
from bench.search.race import Improvement, Trace, Tuner, race
from stepladder.simulation.proposals import BLIND
from stepladder.simulation.seeds import simulate

BUDGET = 80  # full runs that one study may train

REFERENCE = "random to the end"
PEERS = {
    REFERENCE: "at_random:to_the_end",
    "Optuna Hyperband, random": "optuna_hyperband:hyperband_random",
    "Optuna Hyperband, TPE": "optuna_hyperband:hyperband_tpe",
    "Ray Tune ASHA": "ray_tune:asha",
    "Ray Tune HyperBand": "ray_tune:hyperband",
    "Ray Tune BOHB": "ray_tune:bohb",
    "Syne Tune ASHA": "syne_tune:asha",
    "Syne Tune BOHB": "syne_tune:bohb",
}

OURS = (  # sampler, pruner; the dear ones last
    ("Random", "None"),
    ("QuasiRandom", "None"),
    ("Random", "SuccessiveHalving"),
    ("Random", "Hyperband"),
    ("Random", "Median"),
    ("Random", "LearningCurve"),
    ("Random", "ASHA"),
    ("QuasiRandom", "ASHA"),
    ("SimulatedAnnealing", "ASHA"),
    ("Genetic", "ASHA"),
    ("CMAES", "ASHA"),
    ("TPE", "ASHA"),
    ("RandomForest", "ASHA"),
    ("GaussianProcess", "ASHA"),
    ("QuasiRandom", "FreezeThaw"),
    ("RandomForest", "FreezeThaw"),
    ("GaussianProcess", "FreezeThaw"),
    ("Auto", "Auto"),
)
DEAR = frozenset({"RandomForest", "GaussianProcess", "FreezeThaw", "Auto"})
"""Samplers and pruners that take too long to go on when the target is met."""


@dataclass(frozen=True)
class Study:
    """One seed of one contestant."""

    seed: int
    trace: Trace
    cpu_seconds: float  # of this process: sampler, scheduler and bookkeeping together
    idle: float | None = None  # slots times steps' time that were free while there were trials to start; ours only


@dataclass(frozen=True)
class Contestant:
    """`source` is a peer's `module:function`, or our `sampler+pruner`."""

    name: str
    source: str

    @property
    def is_ours(self) -> bool:
        """Whether it is a mode of ours."""
        return "+" in self.source

    def seeds(self, count: int, workers: int) -> int:
        """How many it gets where others get `count`. Steps to the target spread most where trials run to the end, and
        the reference is in every ratio; both are cheap."""
        if workers > 1:
            return count
        return 10 * count if self.source == PEERS[REFERENCE] else 5 * count if self.source.endswith("+None") else count

    def whole(self, workers: int) -> bool:
        """Whether its studies with so many workers go on to the budget after the target is met."""
        if not self.is_ours:
            return workers == 1
        sampler, pruner = self.source.split("+")
        return not {sampler, pruner} & DEAR and (workers == 1 or sampler in BLIND)

    def run(self, problem: Problem, seed: int, workers: int) -> Study:
        """One study; to the budget, or until the target is met where it is not a whole one."""
        target = None if self.whole(workers) else problem.target
        began = process_time()
        trace, idle = (self._ours if self.is_ours else self._peer)(problem, seed, workers, target)
        return Study(seed, trace, process_time() - began, idle)

    def _ours(self, problem: Problem, seed: int, workers: int, target: float | None) -> tuple[Trace, float]:
        sampler, pruner = self.source.split("+")
        answer = simulate(ours.question_of(problem, sampler, pruner, workers, BUDGET, target), seed)
        improvements = tuple(Improvement(i.trained_steps, i.wall_seconds, i.best) for i in answer.trace)
        found = answer.measures
        trace = Trace(improvements, round(found.trained_steps), found.wall_seconds, round(found.trials))
        return trace, found.idle_slot_seconds

    def _peer(self, problem: Problem, seed: int, workers: int, target: float | None) -> tuple[Trace, None]:
        module, function = self.source.split(":")
        make: Callable[[Problem, int], Tuner] = getattr(import_module(f"bench.search.peers.{module}"), function)
        tuner = make(problem, seed)
        return race(tuner, problem.pool(), workers=workers, budget=BUDGET * problem.horizon, target=target), None


CONTESTANTS = (
    *(Contestant(name, source) for name, source in PEERS.items()),
    *(Contestant(f"{sampler}{BETWEEN}{pruner}", f"{sampler}+{pruner}") for sampler, pruner in OURS),
)
