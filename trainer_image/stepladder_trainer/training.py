"""The training loop of our own tasks, written against the SDK like anybody's code."""

import os

import torch

from stepladder_trainer import devices
from stepladder_trainer.assembly import Assembly, assemble
from stepladder_trainer.distributed.group import Group, joined
from stepladder_trainer.distributed.ranks import ranks
from stepladder_trainer.evaluation import baseline, periods
from stepladder_trainer.models import transfer
from stepladder_trainer.plan import Plan
from stepladder_trainer.profiling import profiled
from stepladder_trainer.trial import Trial

__all__ = ["Plan", "train"]


def train(trial: Trial, plan: Plan) -> None:
    """Train `plan` from where the trial stands to its target, with the other processes of the trial if there are any.

    Raises what `outcomes` lists.
    """
    torch.set_num_threads(plan.threads)
    here = ranks(os.environ)
    device = devices.device(plan.device, here, memory_fraction=plan.gpu_memory_fraction)
    with joined(here, device) as group:
        trial.agree = group.agree
        _train(trial, plan, device, group)


def _train(trial: Trial, plan: Plan, device: torch.device, group: Group) -> None:
    made = assemble(trial, plan, device, group)
    learner, measurement = made.learner, made.measurement
    peak = plan.point.optimizer.learning_rate
    with made.feed as feed, profiled(trial, plan.profile, device) as step_profiled:
        for step in trial.steps(checkpoint_seconds=plan.checkpoint_seconds, **made.parts):
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
                learner.synchronise()
                with learner.evaluated() as model:
                    metrics = made.evaluations.at(step, model)
                trial.report(step, **metrics)
    if trial.step == trial.horizon_steps:
        trial.remark = _remark(trial, plan, made)


def _remark(trial: Trial, plan: Plan, made: Assembly) -> str | None:
    """What is to be known of a trial that has come to its end, also where an earlier process has brought it there."""
    last = trial.history.evaluations[-1].metrics
    every, schedule = plan.evaluate_every, plan.point.schedule.name
    told = (
        trial.remark,
        baseline.remark(made.task, last),
        periods.remark(trial.history, made.losses, every=every, schedule=schedule),
    )
    return "; ".join(filter(None, told)) or None
