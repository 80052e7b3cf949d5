"""Training at a constant learning rate until the training set is fitted."""

import math
from dataclasses import replace

from stepladder_trainer.hyperparameters import Hyperparameters, ScheduleHyperparameters
from stepladder_trainer.probes.decisions.step_budget import NEARLY, PERFECT, ConstantRun
from stepladder_trainer.probes.measuring.bench import Bench

MEASUREMENTS = 100  # of a run of the target's steps


def unregularised(point: Hyperparameters) -> Hyperparameters:
    """`point` without dropout, weight decay, label smoothing, augmentation and schedule."""
    return replace(
        point,
        model=replace(point.model, dropout=0.0),
        optimizer=replace(point.optimizer, weight_decay=0.0),
        schedule=ScheduleHyperparameters(),
        data=replace(point.data, augmentation="none"),
        regularisation=replace(point.regularisation, label_smoothing=0.0),
    )


def measure(bench: Bench, learning_rate: float, steps: int, limit: int) -> ConstantRun:
    """Train up to `limit` updates, measuring the training error a hundred times in `steps`.

    Where a sample of the training set is fitted, all of it is looked at: only there it can be.
    """
    every = max(1, steps // MEASUREMENTS)
    sample = bench.sample()
    part, whole = bench.evaluator(sample), bench.evaluator(bench.training)
    fitted = NEARLY if sample.targets.is_floating_point() else PERFECT
    point = unregularised(bench.point)
    learner = bench.learner(point)
    at: list[int] = []
    errors: list[float] = []
    for seen in bench.descend(learner, [learning_rate] * limit, point.data):
        if seen.step % every and seen.step != limit:
            continue
        error = part.metrics(learner.model)["error"]
        if error <= fitted:
            error = whole.metrics(learner.model)["error"]
        if not math.isfinite(error):
            break
        at.append(seen.step)
        errors.append(error)
        if error <= fitted:
            return ConstantRun(learning_rate, seen.step, tuple(at), tuple(errors))
    return ConstantRun(learning_rate, None, tuple(at), tuple(errors))
