"""The evaluations of a trial: what was measured at which step, and which of them is the best so far."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stepladder_trainer.contract import Objective


@dataclass(frozen=True)
class Evaluation:
    """Metrics measured after `step` optimizer updates."""

    step: int
    metrics: Mapping[str, float]


@dataclass
class History:
    """Evaluations by step. Reporting a step again adds to what is known of it; the last value of a metric holds."""

    _by_step: dict[int, dict[str, float]] = field(default_factory=dict)
    revision: int = field(default=0, compare=False)
    """Another one means that something has been measured or restored since."""

    @classmethod
    def of(cls, evaluations: Iterable[tuple[int, Mapping[str, float]]]) -> "History":
        """A history from (step, metrics) pairs, as a checkpoint stores them."""
        return cls({step: dict(metrics) for step, metrics in evaluations})

    def add(self, step: int, metrics: Mapping[str, float]) -> Evaluation:
        """Record `metrics` at `step` and return all that is known of that step."""
        known = self._by_step.setdefault(step, {})
        known.update(metrics)
        self.revision += 1
        return Evaluation(step, dict(known))

    def restore(self, evaluations: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Become the history of these; whoever holds this one sees them."""
        self._by_step = {step: dict(metrics) for step, metrics in evaluations}
        self.revision += 1

    @property
    def evaluations(self) -> list[Evaluation]:
        """Every evaluation, by step. A copy: the metrics thread reads it while training goes on."""
        return [Evaluation(step, dict(metrics)) for step, metrics in sorted(self._by_step.copy().items())]

    def values(self, metric: str) -> list[tuple[int, float]]:
        """(step, value) of one metric, finite values only, by step."""
        known = [(item.step, item.metrics[metric]) for item in self.evaluations if metric in item.metrics]
        return [(step, value) for step, value in known if math.isfinite(value)]

    def value(self, metric: str, step: int) -> float | None:
        """The metric at exactly `step`, or None if it was not measured there or is not finite."""
        value = self._by_step.get(step, {}).get(metric, math.nan)
        return value if math.isfinite(value) else None

    def ranking(self, objective: Objective) -> list[tuple[int, float]]:
        """(step, value) of every evaluation with a finite value, best first, the earlier of equals first."""
        sign = 1 if objective.minimize else -1
        return sorted(self.values(objective.metric), key=lambda item: (sign * item[1], item[0]))

    def best(self, objective: Objective) -> tuple[int, float] | None:
        """(step, value) of the best evaluation, the earliest of equals, or None if nothing finite was measured."""
        return next(iter(self.ranking(objective)), None)
