"""A run whose loss is measured as it goes, on training examples that stay the same."""

import math
from collections.abc import Sequence

from stepladder_trainer.learner import Learner
from stepladder_trainer.probes.measuring.bench import Bench


class Watched:
    """What was seen of one run: the loss after `steps`, 0 being the start, and the gradient's norm at every update."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.gradient_norms: list[float] = []

    @property
    def curve(self) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """(steps, losses)."""
        return tuple(self.steps), tuple(self.losses)


def watch(bench: Bench, learner: Learner, learning_rates: Sequence[float], *, every: int = 1) -> Watched:
    """Train one update at each of `learning_rates`, measuring every `every` steps and after the last."""
    evaluator, watched = bench.evaluator(bench.sample()), Watched()

    def look(step: int) -> None:
        watched.steps.append(step)
        watched.losses.append(evaluator.metrics(learner.model)["loss"])

    look(0)
    for seen in bench.descend(learner, learning_rates):
        watched.gradient_norms.append(seen.gradient_norm)
        if seen.step % every == 0 or seen.step == len(learning_rates) or not math.isfinite(seen.loss):
            look(seen.step)
    return watched
