"""Trial: one configuration on its way up the ladder, from segment to segment."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from stepladder.api.conditions import Condition
from stepladder.api.model import ATOMIC, PRESERVE, ApiModel, Scalar, cel, list_map, rules
from stepladder.api.probes import MOST_MEMBERS, Probe, ProbeVerdict
from stepladder.api.rounds import MAX_STEPS, Resource
from stepladder.api.space import MAX_PARAMETERS
from stepladder.api.study import FailurePolicy, Objective, Trainer


class Desired(StrEnum):
    """What the study wants of the trial now."""

    RUN = "Run"
    PAUSE = "Pause"
    STOP = "Stop"


class Outcome(StrEnum):
    """How a trial ended; the reason of its Succeeded condition. A trial without one is still on its way."""

    COMPLETED = "Completed"  # trained to the top of its ladder
    PRUNED = "Pruned"  # never promoted
    INFEASIBLE = "Infeasible"  # not finite, or diverged: known to be bad
    FAILED = "Failed"  # retries exhausted, or an error that a retry cannot mend
    STOPPED = "Stopped"  # the study ended first


class EndReason(StrEnum):
    """How a segment ended; docs/architecture.md says what follows from each."""

    COMPLETED = "Completed"
    DISRUPTED = "Disrupted"
    INTERRUPTED = "Interrupted"
    INFEASIBLE = "Infeasible"
    CONFIGURATION_ERROR = "ConfigurationError"
    OUT_OF_MEMORY = "OutOfMemory"
    STORAGE_ERROR = "StorageError"
    ERROR = "Error"
    PENDING_DEADLINE = "PendingDeadline"


class Observation(ApiModel):
    """The objective after so many steps. Always finite."""

    step: int = Field(ge=0, description="Steps trained before the evaluation.")
    value: float = Field(description="The objective.")


class Attempt(ApiModel):
    """One pod's try at a segment, and how it ended."""

    number: int = Field(ge=1, description="Counted over the trial's life, from 1.")
    pod: str = Field(max_length=253, description="The pod's name.")
    reason: EndReason
    exit_code: int | None = Field(default=None, description="Of the trainer container.")
    message: str = Field(default="", max_length=1024, description="What it said, or what became of it.")
    from_step: int = Field(default=0, ge=0, description="The checkpoint it started from.")
    to_step: int = Field(default=0, ge=0, description="The checkpoint it left.")
    trained_steps: int = Field(default=0, ge=0, description="Steps it ran, as the trainer reports.")
    gpu_seconds: float = Field(default=0.0, ge=0, description="GPUs times seconds.")
    ended_at: str = Field(default="", max_length=64, description="When it ended.")


class Checkpoint(ApiModel):
    """The newest durable checkpoint."""

    path: str = Field(max_length=1024, description="Where it lies, as the trainer sees it.")
    step: int = Field(ge=0, description="Steps trained before it was written.")


class Member(ApiModel):
    """A finished trial that a probe takes the model of."""

    trial: str = Field(min_length=1, max_length=253, description="Its name.")
    checkpoint: str = Field(
        min_length=1, max_length=1024, description="Its best one, or the directory of all, as the trainer sees it."
    )
    value: float | None = Field(default=None, description="Its objective, as the study knows it.")


class TrialSpec(ApiModel):
    """What to train, and how far."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "self.targetSteps >= oldSelf.targetSteps",
                "targetSteps never falls, since steps once trained are kept: raise it or set desired: Stop",
            ),
            cel("self.targetSteps <= self.horizonSteps", "targetSteps must not exceed horizonSteps: lower it"),
            cel(
                # Kubernetes does not notice a parameter renamed; the trainer does, when it finds another trial's
                # checkpoint.
                "self.parameters == oldSelf.parameters && self.seed == oldSelf.seed"
                " && self.horizonSteps == oldSelf.horizonSteps",
                "parameters, seed and horizonSteps cannot change, since checkpoints depend on them:"
                " apply another Trial",
            ),
            cel(
                "has(self.probe) == has(oldSelf.probe) && (!has(self.probe) || self.probe == oldSelf.probe)"
                " && self.members == oldSelf.members",
                "probe and members cannot change, since the trial has begun to measure: apply another Trial",
            ),
            cel(
                "self.number == oldSelf.number && self.round == oldSelf.round && self.bracket == oldSelf.bracket"
                " && self.configuration == oldSelf.configuration && self.repeat == oldSelf.repeat"
                " && has(self.study) == has(oldSelf.study) && (!has(self.study) || self.study == oldSelf.study)",
                "study, number, round, bracket, configuration and repeat say where the trial belongs and cannot"
                " change: apply another Trial",
            ),
            cel(
                "oldSelf.desired != 'Stop' || self.desired == 'Stop'",
                "desired cannot change after Stop: apply another Trial",
            ),
            cel(
                "!has(self.stopReason) || self.desired == 'Stop'",
                "stopReason is for trials that are told to stop: set desired: Stop, or remove stopReason",
            ),
            cel(
                "has(self.study) || (has(self.trainer) && has(self.objective))",
                "trainer and objective are missing, which a Trial without a study needs: give both",
            ),
        )
    }
    study: str | None = Field(default=None, max_length=63, description="The study that the trial belongs to, by name.")
    number: int = Field(default=0, ge=0, description="Counted over the study, from 0.")
    round: str = Field(default="", max_length=40, description="The round of the study, by name.")
    bracket: int = Field(default=0, ge=0, description="Which ladder of the round, counted from 0.")
    configuration: int = Field(default=0, ge=0, description="Which configuration of the round; repeats share it.")
    repeat: int = Field(default=0, ge=0, description="Which run of the configuration, each with a seed of its own.")
    resource: Resource = Field(default=Resource.STEPS, description="What grows from rung to rung (pruner.resource).")
    parameters: dict[str, Scalar] = Field(
        default={},
        max_length=MAX_PARAMETERS,
        description="The configuration: names of hyperparameters and their values.",
        json_schema_extra={"type": "object", PRESERVE: True},
    )
    seed: int = Field(default=0, ge=0, le=2_147_483_647, description="Of the run: weights, data order, dropout.")
    target_steps: int = Field(ge=1, le=MAX_STEPS, description="Train up to this step, then write a checkpoint.")
    horizon_steps: int = Field(ge=1, le=MAX_STEPS, description="Steps of a full run: the schedule's horizon.")
    rung_steps: tuple[Annotated[int, Field(ge=1, le=MAX_STEPS, description="A step.")], ...] = Field(
        default=(),
        max_length=64,
        description="Steps that are evaluated because a rung judges there.",
        json_schema_extra=ATOMIC,
    )
    probe: Probe | None = Field(default=None, description="Measure this instead of training; ends in a verdict.")
    members: tuple[Member, ...] = Field(
        default=(),
        max_length=MOST_MEMBERS,
        description="Of a probe of type Ensemble: whose models judge together, the best first.",
        json_schema_extra=ATOMIC,
    )
    desired: Desired = Desired.RUN
    stop_reason: Outcome | None = Field(
        default=None, description="Goes with desired: Stop. Pruned or Stopped, as the study has it."
    )
    objective: Objective | None = Field(default=None, description="Of a Trial applied by hand, without a study.")
    trainer: Trainer | None = Field(default=None, description="Of a Trial applied by hand, without a study.")
    failure_policy: FailurePolicy | None = Field(default=None, description="Of a Trial applied by hand.")


class TrialStatus(ApiModel):
    """How far the trial is, how good, and what it has taken."""

    observed_generation: int = Field(default=0, ge=0, description="The generation of the spec that this is about.")
    conditions: tuple[Condition, ...] = Field(
        default=(), max_length=16, description="What is true of the trial now.", json_schema_extra=list_map("type")
    )
    phase: str = Field(default="", max_length=64, description="For people; programs read the conditions.")
    outcome: Outcome | None = None
    steps: int = Field(default=0, ge=0, description="Steps up to the newest known checkpoint.")
    last: Observation | None = Field(default=None, description="The newest evaluation.")
    best: Observation | None = Field(default=None, description="The best evaluation.")
    observations: tuple[Observation, ...] = Field(
        default=(),
        max_length=128,
        description="Every rung's, the newest, and 63 others along the curve.",
        json_schema_extra=ATOMIC,
    )
    attempts: tuple[Attempt, ...] = Field(
        default=(), max_length=32, description="The newest.", json_schema_extra=ATOMIC
    )
    attempt_count: int = Field(default=0, ge=0, description="Attempts that have ended, over the trial's life.")
    retries: int = Field(default=0, ge=0, description="Unexplained failures since the last progress.")
    retry_not_before: str | None = Field(default=None, max_length=64, description="When the next retry is due.")
    trained_steps: int = Field(default=0, ge=0, description="Steps run by all attempts, as the trainers report.")
    gpu_seconds: float = Field(default=0.0, ge=0, description="GPUs times seconds over all attempts.")
    pod: str | None = Field(default=None, max_length=253, description="The pod that runs, or ran last.")
    node: str | None = Field(default=None, max_length=253, description="The node that it is on.")
    checkpoint: Checkpoint | None = None
    best_checkpoint: Checkpoint | None = Field(default=None, description="The checkpoint of the best evaluation.")
    verdict: ProbeVerdict | None = Field(default=None, description="What a probe has found.")
    provenance: dict[str, Annotated[str, Field(max_length=1024, description="A version.")]] = Field(
        default={}, max_length=32, description="What trained it: versions, device, commit, as the trainer tells."
    )
