"""The training loop of our own tasks, written against the SDK like anybody's code."""

import time

import torch

from stepladder_trainer import devices, schedules, tasks
from stepladder_trainer.data import training_feed
from stepladder_trainer.evaluation import Evaluator
from stepladder_trainer.learner import Learner
from stepladder_trainer.plan import Plan
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.trial import Trial

__all__ = ["Plan", "train"]


def train(trial: Trial, plan: Plan) -> None:
    """Train `plan` from where the trial stands to its target. Raises what `outcomes` lists."""
    torch.set_num_threads(plan.threads)
    device, seeds, point = devices.device(plan.device), Seeds(trial.seed, plan.point.seeds), plan.point
    task = tasks.load(plan.task, tasks.Request(plan.data, plan.options, point, trial.seed))
    feed = training_feed(
        task.training, task.shape, point.data, seeds, device, fractions=trial.document.data_fractions
    )
    learner = Learner(task, point, seeds, device)
    validation = Evaluator(task.validation, task.measure, device, batch_size=point.data.batch_size)
    schedule = schedules.build(point.schedule, trial.horizon_steps, trial.history)

    for step in trial.steps(checkpoint_seconds=plan.checkpoint_seconds, **learner.parts):
        began = time.perf_counter()
        batch = feed.batch(step)
        loaded = time.perf_counter()
        update = learner.gradient(batch, step)
        trial.log(step, training_loss=update.loss)  # before the update: NaN must not reach the weights
        learning_rate = point.optimizer.learning_rate * schedule.factor(step)
        learner.apply(learning_rate)
        seconds = time.perf_counter() - began
        trial.log(
            step,
            learning_rate=learning_rate,
            gradient_norm=update.gradient_norm,
            examples_per_second=point.data.batch_size / seconds,
            data_wait_fraction=(loaded - began) / seconds,
            gpu_memory_bytes=torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0,
        )
        if trial.evaluation_due(step, every=plan.evaluate_every):
            metrics = validation.metrics(learner.model)
            trial.report(step, **{f"validation_{name}": value for name, value in metrics.items()})
