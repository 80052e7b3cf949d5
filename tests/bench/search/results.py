"""Results on disk, one file per problem, contestant and number of workers: a run goes on where one was cut off."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import stepladder
from bench.search.contestants import Contestant, Study
from bench.search.problems import Problem

FORMAT = 2  # of the files, and of the rules by which they come about
PACKAGES = ("ray", "syne-tune", "optuna", "hpbandster", "configspace", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Task:
    """Many seeds of one contestant on one problem. With one worker studies train to the budget, with more to the
    target."""

    problem: Problem
    contestant: Contestant
    workers: int
    seeds: int

    def path(self, folder: Path) -> Path:
        """Where its results lie."""
        name = re.sub(r"[^a-z0-9]+", "-", self.contestant.name.lower()).strip("-")
        return folder / self.problem.name / f"{name}-{self.workers}.json"

    def known(self, folder: Path, *, any_code: bool = False) -> dict[str, Any] | None:
        """Its results, if they are there and of this table, as many seeds and, unless told otherwise, this code."""
        path = self.path(folder)
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text())
        same = (found.get("format"), found.get("table")) == (FORMAT, self.table) and len(found["studies"]) >= self.seeds
        return found if same and (any_code or found["code"] == self.code) else None

    @property
    def table(self) -> str:
        """A digest of the study and its curves."""
        text = self.problem.study.read_text() + self.problem.file.read_text()
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def code(self) -> str:
        """What decides: a digest of ours, or the peers' versions."""
        mine = _code(Path(stepladder.__file__).parent) if self.contestant.is_ours else json.dumps(versions())
        return f"{self.contestant.source} {mine}"

    def save(self, folder: Path, studies: list[Study]) -> None:
        """Write the results."""
        path = self.path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        written = {
            "format": FORMAT,
            "table": self.table,
            "code": self.code,
            "problem": self.problem.name,
            "contestant": self.contestant.name,
            "ours": self.contestant.is_ours,
            "workers": self.workers,
            "whole": self.contestant.whole(self.workers),
            "horizon": self.problem.horizon,
            "target": self.problem.target,
            "optimum": self.problem.optimum,
            "versions": versions(),
            "studies": [asdict(study) for study in studies],
        }
        path.write_text(json.dumps(written))


def versions() -> dict[str, str]:
    """Of the peers, as installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def _code(package: Path) -> str:
    """What our decisions follow from."""
    files = sorted(path for room in ("engine", "search", "simulation") for path in (package / room).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
