"""Experiment tracking: what is logged and reported goes to TensorBoard's files always, and to others if asked.

`tracking` collects and thins out, `tracker` says what a tracker is; each of them has a file of its own.
"""

import importlib
import importlib.util
from collections.abc import Iterable

from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tracking import tensorboard
from stepladder_trainer.tracking.tracker import Point, Run, Tracker
from stepladder_trainer.tracking.tracking import Open, Tracking

__all__ = ["OPTIONAL", "Open", "Point", "Run", "Tracker", "Tracking", "always", "optional"]

OPTIONAL = {"wandb": "weights_and_biases", "mlflow": "mlflow"}
"""Library, which is also the extra that brings it -> our module."""


def always() -> list[tuple[str, Open]]:
    """What follows every trial."""
    return [("TensorBoard", tensorboard.track)]


def optional(names: Iterable[str]) -> list[tuple[str, Open]]:
    """The trackers of these names, whose libraries are imported when the first numbers come. Raises
    ConfigurationError for an unknown name, and for a library that is not installed."""
    return [(name, _opener(name)) for name in names]


def _opener(name: str) -> Open:
    if name not in OPTIONAL:
        raise ConfigurationError(
            f"there is no tracker {name!r}: name {' or '.join(OPTIONAL)}; TensorBoard is always there"
        )
    if importlib.util.find_spec(name) is None:
        raise ConfigurationError(f"tracker {name} is not installed: add stepladder-trainer[{name}] to the image")

    def track(run: Run) -> Tracker | None:
        module = importlib.import_module(f"{__name__}.{OPTIONAL[name]}")
        tracker: Tracker | None = module.track(run)
        return tracker

    return track
