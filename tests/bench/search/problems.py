"""A problem: a study, and the recorded curves that stand in for its trials."""

import statistics
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from stepladder.api.study import Parameter, TuningStudySpec
from stepladder.control.store import Object
from stepladder.engine.space import setting_parameters
from stepladder.local import manifest
from stepladder.local.manifest_check import checked
from stepladder.search.space import Space
from stepladder.simulation import curves
from stepladder.simulation.curves import Curve
from stepladder.simulation.pool import Pool
from stepladder.simulation.table import Entry, Table

CURVES = Path(__file__).parent / "curves"
SYNTHETIC = Path.home() / ".cache" / "stepladder" / "search-benchmark"
FULL_RUNS = 40  # random search's best after so many is the target
TARGET_SEEDS = 101


@dataclass(frozen=True)
class Problem:
    """`name` is unique. All curves are evaluated at the same steps, and the objective is minimised."""

    name: str
    study: Path
    file: Path

    @cached_property
    def manifest(self) -> Object:
        """The TuningStudy, with its defaults."""
        (document,) = manifest.read(self.study.read_text())
        return checked(document)

    @cached_property
    def spec(self) -> TuningStudySpec:
        """Its spec, of one round without scientific parameters."""
        return TuningStudySpec.model_validate(self.manifest["spec"])

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The configurations of the table."""
        found = curves.read(str(self.file), self.file.read_text(), self.spec.objective.metric, 1.0)
        return Table(str(self.file), found, self.spec).entries(self.spec, self.spec.rounds[0], 0)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The search space."""
        return setting_parameters(self.spec, self.spec.rounds[0], 0)

    @cached_property
    def space(self) -> Space:
        """The search space, to be drawn from."""
        return Space(self.parameters)

    @property
    def horizon(self) -> int:
        """Steps of a full run."""
        return self.spec.rounds[0].max_steps

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """The steps at which every curve is evaluated."""
        return max((entry.curve.steps for entry in self.entries), key=len)

    @cached_property
    def optimum(self) -> float:
        """The lowest value in the table."""
        return min(lowest(entry.curve) for entry in self.entries)

    @cached_property
    def target(self) -> float:
        """What random search's best is after 40 full runs: the median over 101 seeds."""
        return statistics.median(self._best_at_random(seed) for seed in range(TARGET_SEEDS))

    def pool(self) -> Pool:
        """All configurations, none of them used."""
        return Pool(self.parameters, self.entries)

    def _best_at_random(self, seed: int) -> float:
        pool, rng = self.pool(), np.random.default_rng(seed)
        runs = min(FULL_RUNS, len(self.entries))
        return min(
            lowest(pool.take(self.space.resolve(lambda axis: axis.value(rng.random()))).curve) for _ in range(runs)
        )


@lru_cache
def shared(problem: Problem) -> Problem:
    """The first of this process that equals it, with all that has been read and reckoned for that."""
    return problem


def lowest(curve: Curve) -> float:
    """The lowest value before it diverges; infinite if it does so at once."""
    return min(curve.values, default=float("inf"))


def recorded() -> tuple[Problem, ...]:
    """The tables that our own trainer has recorded."""
    return tuple(Problem(path.stem, path, path.with_suffix(".jsonl")) for path in sorted(CURVES.glob("*.yaml")))


def synthetic() -> tuple[Problem, ...]:
    """The larger tables that have been made, by `bench.search.synthetic`."""
    studies = sorted(SYNTHETIC.glob("*.yaml"))
    return tuple(Problem(f"adam8p_{path.stem}", path, path.with_suffix(".jsonl")) for path in studies)
