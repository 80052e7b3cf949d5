"""Our own modes: the question that `stepladder simulate` would answer."""

import copy
from dataclasses import replace
from functools import lru_cache
from typing import Any

from bench.search.problems import Problem
from stepladder.local.manifest_check import checked
from stepladder.simulation.command import question
from stepladder.simulation.overrides import overridden
from stepladder.simulation.seeds import Question


@lru_cache(maxsize=4)
def question_of(
    problem: Problem, sampler: str, pruner: str, workers: int, full_runs: int, target: float | None
) -> Question:
    """The problem's study with this sampler and pruner. It may propose the whole table, and train `full_runs`."""
    manifest: Any = copy.deepcopy(problem.manifest)
    manifest["spec"]["rounds"][0]["trials"] = len(problem.entries)
    manifest["spec"]["budget"] = {"trainedSteps": full_runs * problem.horizon}
    manifest = overridden(manifest, sampler=sampler, pruner=pruner, parallelism=workers, target=target)
    asked, _ = question(checked(manifest), str(problem.file), problem.file.read_text())
    return replace(asked, traced=True)
