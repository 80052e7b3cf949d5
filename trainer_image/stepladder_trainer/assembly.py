"""What training is made of: task, data, learner, evaluations, schedule and measurement, from a trial and a plan."""

import logging
from dataclasses import asdict, dataclass, replace

import torch

from stepladder_trainer import schedules, tasks
from stepladder_trainer.data import Feed, training_feed
from stepladder_trainer.data.training import epoch_of
from stepladder_trainer.distributed.group import Group
from stepladder_trainer.distributed.together import Together
from stepladder_trainer.evaluation import Evaluations
from stepladder_trainer.evaluation.repetition import Losses
from stepladder_trainer.hyperparameters import Hyperparameters
from stepladder_trainer.learner import Learner
from stepladder_trainer.measurement import Measurement
from stepladder_trainer.plan import Plan
from stepladder_trainer.schedules import Schedule
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.state import Part
from stepladder_trainer.tasks import Task
from stepladder_trainer.trial import Trial

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Assembly:
    """All of it for one process, ready for the first step."""

    task: Task
    feed: Feed
    learner: Learner
    evaluations: Evaluations
    schedule: Schedule
    losses: Losses | None  # none where an epoch is not always as long
    measurement: Measurement

    @property
    def parts(self) -> dict[str, Part]:
        """The state of training."""
        return {**self.learner.parts, **({} if self.losses is None else {"losses": self.losses})}


def assemble(trial: Trial, plan: Plan, device: torch.device, group: Group) -> Assembly:
    """Make it for the process that `group` says this is, and tell `trial` what it is and what precedes its checkpoints.

    Raises ConfigurationError.
    """
    seeds, here = Seeds(trial.seed, plan.point.seeds), group.ranks
    trial.identify(task=plan.task, options=dict(plan.options), hyperparameters=asdict(plan.point))
    trial.note(data=plan.data)  # not what makes it the trial that it is: a volume may be mounted elsewhere
    task = tasks.load(plan.task, tasks.Request(plan.data, plan.options, plan.point, trial.seed))
    point = point_for(trial, plan, len(task.training))
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
    schedule = schedules.build(
        point.schedule,
        trial.horizon_steps,
        trial.history,
        objective=trial.document.objective,
        planned=lambda step: trial.evaluation_planned(step, every=plan.evaluate_every),
    )
    losses = None if trial.document.data_fractions else Losses(epoch_of(point.data, len(task.training)))
    measurement = Measurement(
        trial, learner, batch_size=point.data.batch_size, losses=losses, count_flops=plan.count_flops
    )
    return Assembly(task, feed, learner, evaluations, schedule, losses, measurement)


def point_for(trial: Trial, plan: Plan, examples: int) -> Hyperparameters:
    """The hyperparameters of `plan`, with a batch of all `examples` where the default is more and nobody asked for it,
    which `trial` then remarks."""
    if plan.batch_size_asked or plan.point.data.batch_size <= examples:
        return plan.point
    trial.remark = f"batch_size was {examples}, as there are no more training examples"
    logger.warning("%s", trial.remark)
    return replace(plan.point, data=replace(plan.point.data, batch_size=examples))
