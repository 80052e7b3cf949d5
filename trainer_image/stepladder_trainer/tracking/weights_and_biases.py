"""Weights & Biases, by the extra `wandb`. Offline unless WANDB_MODE says otherwise: `wandb sync` uploads it later."""

import os
import re
from collections.abc import Sequence
from typing import Any

import wandb

from stepladder_trainer.tracking.tracker import Point, Run


class WeightsAndBiases:
    """See `Tracker`. A trial is one run there: its segments share an id, and steps that are trained again after a crash
    are left out, since they give the same numbers."""

    def __init__(self, run: Run) -> None:
        directory = run.store.path("") if run.store and run.store.appends else None
        name = run.name.rpartition("/")[2]
        self._run: Any = wandb.init(
            project=re.sub(r"[/\\#?%:]", "-", run.study),
            id=re.sub(r"[^\w.-]", "-", run.name),
            name=name,
            config={**run.parameters, "seed": run.seed},
            dir=directory,
            mode=os.environ.get("WANDB_MODE", "offline"),
            resume="allow",
            settings=wandb.Settings(console="off", silent=True, disable_code=True, disable_git=True),
        )
        self._last = self._run.step - 1 if self._run.resumed else 0

    def write(self, points: Sequence[Point]) -> None:
        """Log them."""
        for point in points:
            if point.step > self._last:
                self._run.log(dict(point.numbers), step=point.step)

    def close(self) -> None:
        """Wait for what is still on its way."""
        self._run.finish()


def track(run: Run) -> WeightsAndBiases:
    """The tracker of `run`."""
    return WeightsAndBiases(run)
