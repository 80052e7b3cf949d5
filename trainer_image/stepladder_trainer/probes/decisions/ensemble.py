"""Whether several models are better together than the best of them alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepladder_trainer.contract import Objective
from stepladder_trainer.probes.verdict import Verdict

TOLERANCE = 1e-6
"""How far a member may be from what its training has recorded, for another device and another order of sums."""


@dataclass(frozen=True)
class Scores:
    """Metrics by name on one set of data, `of` "validation" or "test". Members are in the study's order, the best
    first; `together[k - 1]` is of the first k of them. `recorded`: what their trainings have said, under its names."""

    of: str
    trials: tuple[str, ...]
    recorded: tuple[Mapping[str, float], ...]
    alone: tuple[Mapping[str, float], ...]
    together: tuple[Mapping[str, float], ...]
    averaged_weights: Mapping[str, float] | None


@dataclass(frozen=True)
class Yardstick:
    """The metric, without the name of a set, and whether less of it is better."""

    metric: str
    minimize: bool = True

    def better(self, value: float, than: float) -> float:
        """By how much; below 0 if it is worse."""
        return than - value if self.minimize else value - than

    def best(self, values: Sequence[float]) -> int:
        """The place of the best, the first of equals; what is no number is worst."""
        worst = math.inf if self.minimize else -math.inf
        kept = [value if math.isfinite(value) else worst for value in values]
        return kept.index(min(kept) if self.minimize else max(kept))


def yardstick(objective: Objective | None, scores: Scores) -> Yardstick:
    """The study's objective, if it is one of the validation set's metrics, else the error."""
    if objective is not None:
        metric = objective.metric.removeprefix("validation_")
        if metric != objective.metric and metric in scores.alone[0]:
            return Yardstick(metric, objective.minimize)
    return Yardstick("error")


def judge(scores: Scores, test: Scores | None, by: Yardstick, wanted: int) -> Verdict:
    """What the ensemble of all members gains over the best of them, of `wanted` ones."""
    alone = [each[by.metric] for each in scores.alone]
    together = [each[by.metric] for each in scores.together]
    best = by.best(alone)
    gain = by.better(together[-1], alone[best])
    enough = by.best(together) + 1
    found = {"ensemble": together[-1], "best_member": alone[best], "gain": gain, "members": float(enough)}
    count, metric = len(alone), f"{scores.of}_{by.metric}"
    summary = (
        f"{count} trials together have a {metric} of {together[-1]:.4g}, the best of them, {scores.trials[best]}, alone"
        f" {alone[best]:.4g}: {_compared(gain)}"
    )
    flags = [] if gain > 0 else ["NoGain"]
    if 1 < enough < count:
        summary += f"; the first {enough} are enough, with {together[enough - 1]:.4g}"
    if scores.averaged_weights is not None:
        weights = scores.averaged_weights[by.metric]
        found["averaged_weights"] = weights
        summary += f"; one model of their averaged weights has {weights:.4g}"
        if by.better(weights, together[-1]) >= 0:
            flags.append("OneModelIsEnough")
    elif count > 1:
        flags.append("DifferentModels")
    if test is not None:
        found["test_ensemble"] = test.together[-1][by.metric]
        found["test_best_member"] = test.alone[best][by.metric]
        summary += f"; on the test set {found['test_ensemble']:.4g} against {found['test_best_member']:.4g}"
    if count < wanted:
        flags.append("FewerMembers")
    if any(_differs(each.get(metric), value) for each, value in zip(scores.recorded, alone, strict=True)):
        flags.append("NotAsRecorded")
        summary += "; a member is not as good or bad here as its trial has recorded"
    each = {f"alone/{trial}": value for trial, value in zip(scores.trials, alone, strict=True)}
    return Verdict("Ensemble", summary, found | each, tuple(flags))


def _compared(gain: float) -> str:
    if gain == 0 or math.isnan(gain):
        return "no better and no worse" if gain == 0 else "which cannot be compared"
    return f"better by {gain:.3g}" if gain > 0 else f"worse by {-gain:.3g}, so that the best is better alone"


def _differs(recorded: float | None, measured: float) -> bool:
    return recorded is not None and not math.isclose(recorded, measured, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
