"""The training loop of our own tasks, written against the SDK like anybody's code."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from stepladder_trainer import devices
from stepladder_trainer.assembly import Assembly, assemble
from stepladder_trainer.distributed.group import Group, joined
from stepladder_trainer.distributed.ranks import ranks
from stepladder_trainer.evaluation import baseline, periods
from stepladder_trainer.models import transfer
from stepladder_trainer.plan import Plan
from stepladder_trainer.profiling import profiled
from stepladder_trainer.state import Part
from stepladder_trainer.tasks import Task
from stepladder_trainer.trial import Trial

__all__ = ["Plan", "Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """What was trained, for who judges it; `period`: a sentence, where metrics or losses have one at the horizon."""

    task: Task
    batch_size: int
    period: str | None


def train(trial: Trial, plan: Plan, **beside: Part) -> Trained:
    """Train `plan` from where the trial stands to its target, with the other processes of the trial if there are any.

    `beside`: further parts of what its checkpoints hold. Raises what `outcomes` lists.
    """
    torch.set_num_threads(plan.threads)
    here = ranks(os.environ)
    device = devices.device(plan.device, here, memory_fraction=plan.gpu_memory_fraction)
    with joined(here, device) as group:
        trial.agree = group.agree
        made = assemble(trial, plan, device, group)
        _train(trial, plan, made, group, beside)
    period = None
    if trial.step == trial.horizon_steps:
        every, schedule = plan.evaluate_every, plan.point.schedule.name
        period = periods.remark(trial.history, made.losses, every=every, schedule=schedule)
        told = trial.remark, baseline.remark(made.task, trial.history.evaluations[-1].metrics), period
        trial.remark = "; ".join(filter(None, told)) or None
    return Trained(made.task, made.learner.point.data.batch_size, period)


def _train(trial: Trial, plan: Plan, made: Assembly, group: Group, beside: Mapping[str, Part]) -> None:
    learner, measurement = made.learner, made.measurement
    peak = plan.point.optimizer.learning_rate
    with made.feed as feed, profiled(trial, plan.profile, learner.device) as step_profiled:
        for step in trial.steps(checkpoint_seconds=plan.checkpoint_seconds, **made.parts, **beside):
            if step == trial.from_step + 1:
                group.check_same(step)
            if step == 1 and plan.initial_weights:  # a checkpoint goes before them
                transfer.start_from(learner.model, plan.initial_weights)
            measurement.begin()
            batch = feed.batch(step)
            measurement.loaded()
            update = learner.gradient(batch, step)
            measurement.gradient(step, update)  # before the update: NaN must not reach the weights
            learning_rate = peak * made.schedule.factor(step)
            learner.apply(learning_rate)
            measurement.end(step, learning_rate)
            step_profiled()
            if trial.evaluation_due(step, every=plan.evaluate_every):
                measurement.flush()
                with learner.evaluated() as model:
                    metrics = made.evaluations.at(step, model)
                trial.report(step, **metrics)
