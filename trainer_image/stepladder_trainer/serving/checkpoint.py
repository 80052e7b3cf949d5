"""Which checkpoint is served: the one that is named, or the best that a trial's directory holds."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.checkpoints.files import NAME
from stepladder_trainer.contract import Objective
from stepladder_trainer.history import History
from stepladder_trainer.outcomes import ConfigurationError, StorageError

PARTS: Final = ("model", "averaging")  # an optimizer's moments are twice as large, and nothing is trained

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """A whole checkpoint: where it lies, the step after which it was made, and what of it makes a model."""

    path: str
    step: int
    content: Mapping[str, Any]

    @property
    def metrics(self) -> dict[str, float]:
        """What was measured of the model at this step; nothing if it was not evaluated then."""
        return next((dict(metrics) for step, metrics in self.content["evaluations"] if step == self.step), {})


def find(location: str) -> Found:
    """The checkpoint at `location`: a file, or of a trial's directory (or its URL) the best by the study's objective;
    the newest where nothing was evaluated. Damaged ones are passed over.

    Raises ConfigurationError if there is none, StorageError if the storage fails.
    """
    directory, _, name = location.rpartition("/")
    if named := NAME.fullmatch(name):
        content = _named(Checkpoints(directory or "."), int(named[1]))
        if content is None:
            raise ConfigurationError(f"{location} is damaged: name another checkpoint")
        return Found(location, int(named[1]), _untrained(content))
    checkpoints = Checkpoints(location)
    newest = checkpoints.newest()
    if newest is None:
        raise ConfigurationError(
            f"there is no whole checkpoint in {location}: name the directory of a trial, in which there are step-*.pt"
        )
    newest = newest[0], _untrained(newest[1])
    for step in _best_first(newest[1], set(checkpoints.steps())):
        content = newest[1] if step == newest[0] else checkpoints.at(step)
        if content is not None:
            return Found(checkpoints.path(step), step, _untrained(content))
    return Found(checkpoints.path(newest[0]), *newest)


def _named(checkpoints: Checkpoints, step: int) -> dict[str, Any] | None:
    try:
        return checkpoints.at(step)
    except StorageError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        there = ", ".join(map(str, checkpoints.steps())) or "none"  # or the directory itself is not there
        raise ConfigurationError(
            f"there is no checkpoint of step {step} in {checkpoints.store.location}; of these steps there are: {there}"
        ) from error.__cause__


def _best_first(content: Mapping[str, Any], saved: set[int]) -> Iterator[int]:
    objective = content.get("notes", {}).get("objective")
    if objective is not None:
        ranking = History.of(content["evaluations"]).ranking(Objective(**objective))
        yield from (step for step, _ in ranking if step in saved)


def _untrained(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content without what training alone goes on from."""
    return {**content, "parts": {name: part for name, part in content["parts"].items() if name in PARTS}}
