"""The training loop of our own tasks, written against the SDK like anybody's code."""

import torch

from stepladder_trainer import devices, schedules, tasks
from stepladder_trainer.data import training_feed
from stepladder_trainer.evaluation import Evaluations
from stepladder_trainer.learner import Learner
from stepladder_trainer.measurement import Measurement
from stepladder_trainer.models import transfer
from stepladder_trainer.plan import Plan
from stepladder_trainer.profiling import profiled
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.trial import Trial

__all__ = ["Plan", "train"]


def train(trial: Trial, plan: Plan) -> None:
    """Train `plan` from where the trial stands to its target. Raises what `outcomes` lists."""
    torch.set_num_threads(plan.threads)
    device, seeds, point = devices.device(plan.device), Seeds(trial.seed, plan.point.seeds), plan.point
    task = tasks.load(plan.task, tasks.Request(plan.data, plan.options, point, trial.seed))
    feed = training_feed(
        task.training,
        task.shape,
        point.data,
        seeds,
        device,
        fractions=trial.document.data_fractions,
        workers=plan.loader_workers,
    )
    learner = Learner(task, point, seeds, device, trial.horizon_steps)
    evaluations = Evaluations(
        task,
        device,
        plan.evaluation,
        training_batch=point.data.batch_size,
        horizon=trial.horizon_steps,
        store=trial.store,
        workers=plan.loader_workers,
    )
    trial.before_saving(evaluations.flush)
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
                with learner.evaluated() as model:
                    metrics = evaluations.at(step, model)
                trial.report(step, **metrics)
