"""The training loop of our own tasks, written against the SDK like anybody's code."""

import os
from dataclasses import asdict

import torch

from stepladder_trainer import devices, schedules, tasks
from stepladder_trainer.data import training_feed
from stepladder_trainer.distributed.group import Group, joined
from stepladder_trainer.distributed.ranks import ranks
from stepladder_trainer.distributed.together import Together
from stepladder_trainer.evaluation import Evaluations, baseline
from stepladder_trainer.learner import Learner
from stepladder_trainer.measurement import Measurement
from stepladder_trainer.models import transfer
from stepladder_trainer.plan import Plan
from stepladder_trainer.profiling import profiled
from stepladder_trainer.seeds import Seeds
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
    seeds, point, here = Seeds(trial.seed, plan.point.seeds), plan.point, group.ranks
    trial.identify(task=plan.task, options=dict(plan.options), hyperparameters=asdict(point))
    task = tasks.load(plan.task, tasks.Request(plan.data, plan.options, point, trial.seed))
    feed = training_feed(
        task.training,
        task.shape,
        point.data,
        seeds,
        device,
        fractions=trial.document.data_fractions,
        workers=plan.loader_workers,
        rank=here.rank,
        world=here.world,
    )
    together = Together(here, sharded=plan.sharded)
    learner = Learner(
        task, point, seeds, device, trial.horizon_steps, acceleration=plan.acceleration, together=together
    )
    # A model in shards is called by all processes at once, so that each evaluates everything.
    share = {} if together.sharded else {"rank": here.rank, "world": here.world}
    evaluations = Evaluations(
        task,
        device,
        plan.evaluation,
        training_batch=point.data.batch_size,
        horizon=trial.horizon_steps,
        store=None if together.sharded else trial.store,
        workers=plan.loader_workers,
        sums=dict if together.sharded else group.sums,
        **share,
    )
    trial.before_saving(evaluations.flush)
    trial.before_saving(learner.synchronise)
    schedule = schedules.build(
        point.schedule,
        trial.horizon_steps,
        trial.history,
        objective=trial.document.objective,
        planned=lambda step: trial.evaluation_planned(step, every=plan.evaluate_every),
    )

    measurement = Measurement(trial, learner, batch_size=point.data.batch_size, count_flops=plan.count_flops)

    with feed, profiled(trial, plan.profile, device) as step_profiled:
        for step in trial.steps(checkpoint_seconds=plan.checkpoint_seconds, **learner.parts):
            if step == trial.from_step + 1:
                group.check_same(step)
            if step == 1 and plan.initial_weights:  # a checkpoint goes before them
                transfer.start_from(learner.model, plan.initial_weights)
            measurement.begin()
            batch = feed.batch(step)
            measurement.loaded()
            update = learner.gradient(batch, step)
            measurement.gradient(step, update)  # before the update: NaN must not reach the weights
            learning_rate = point.optimizer.learning_rate * schedule.factor(step)
            learner.apply(learning_rate)
            measurement.end(step, learning_rate)
            step_profiled()
            if trial.evaluation_due(step, every=plan.evaluate_every):
                measurement.flush()
                learner.synchronise()
                with learner.evaluated() as model:
                    metrics = evaluations.at(step, model)
                trial.report(step, **metrics)
                if step == trial.horizon_steps:
                    trial.remark = baseline.remark(task, metrics)
