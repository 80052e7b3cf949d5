"""Trial: one configuration on its way up the ladder, from segment to segment."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from stepladder.api.conditions import Condition
from stepladder.api.model import ANY_SCALAR, ATOMIC, ApiModel, Scalar, cel, list_map, rules
from stepladder.api.study import MAX_STEPS, FailurePolicy, Objective, Trainer


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
    """How a segment ended (DESIGN: one row per line of the table in docs/architecture.md)."""

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

    step: int = Field(ge=0)
    value: float


class Attempt(ApiModel):
    """One pod's try at a segment, and how it ended."""

    number: int = Field(ge=1)
    pod: str = Field(max_length=253)
    reason: EndReason
    exit_code: int | None = None
    message: str = Field(default="", max_length=1024)
    from_step: int = 0
    to_step: int = 0
    trained_steps: int = 0
    gpu_seconds: float = 0.0
    ended_at: str = Field(default="", max_length=64)


class Checkpoint(ApiModel):
    """The newest durable checkpoint."""

    path: str = Field(max_length=1024)
    step: int = Field(ge=0)


class TrialSpec(ApiModel):
    """What to train, and how far."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel("self.targetSteps >= oldSelf.targetSteps", "targetSteps never falls"),
            cel("self.targetSteps <= self.horizonSteps", "targetSteps must not exceed horizonSteps: lower it"),
            cel(
                "has(self.parameters) == has(oldSelf.parameters)"
                " && (!has(self.parameters) || self.parameters == oldSelf.parameters)",
                "parameters cannot change: apply another Trial",
            ),
            cel("self.seed == oldSelf.seed", "seed cannot change: apply another Trial"),
            cel(
                "has(self.study) || (has(self.trainer) && has(self.objective))",
                "a Trial without a study needs its own trainer and objective",
            ),
        )
    }
    study: str | None = Field(default=None, max_length=63)
    number: int = Field(default=0, ge=0, description="Counted over the study, from 0.")
    round: str = Field(default="", max_length=40)
    bracket: int = Field(default=0, ge=0, description="Which ladder of the round, counted from 0.")
    configuration: int = Field(default=0, ge=0, description="Which configuration of the round; repeats share it.")
    repeat: int = Field(default=0, ge=0, description="Which run of the configuration, each with a seed of its own.")
    parameters: dict[str, Annotated[Scalar, Field(json_schema_extra=ANY_SCALAR)]] = Field(
        default_factory=dict, json_schema_extra={"maxProperties": 64}
    )
    seed: int = Field(default=0, ge=0, le=2_147_483_647)
    target_steps: int = Field(ge=1, le=MAX_STEPS, description="Train up to this step, then write a checkpoint.")
    horizon_steps: int = Field(ge=1, le=MAX_STEPS, description="Steps of a full run: the schedule's horizon.")
    rung_steps: tuple[int, ...] = Field(
        default=(),
        max_length=64,
        description="Steps that are evaluated because a rung judges there.",
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

    observed_generation: int = Field(default=0, ge=0)
    conditions: tuple[Condition, ...] = Field(default=(), max_length=16, json_schema_extra=list_map("type"))
    phase: str = Field(default="", max_length=64)
    outcome: Outcome | None = None
    steps: int = Field(default=0, ge=0, description="Steps up to the newest known checkpoint.")
    last: Observation | None = None
    best: Observation | None = None
    observations: tuple[Observation, ...] = Field(
        default=(), max_length=128, description="Every rung's, and the newest others.", json_schema_extra=ATOMIC
    )
    attempts: tuple[Attempt, ...] = Field(
        default=(), max_length=32, description="The newest.", json_schema_extra=ATOMIC
    )
    attempt_count: int = Field(default=0, ge=0, description="Attempts that have ended, over the trial's life.")
    retries: int = Field(default=0, ge=0, description="Unexplained failures since the last progress.")
    retry_not_before: str | None = Field(default=None, max_length=64)
    trained_steps: int = Field(default=0, ge=0, description="Steps run by all attempts, as the trainers report.")
    gpu_seconds: float = 0.0
    pod: str | None = Field(default=None, max_length=253)
    node: str | None = Field(default=None, max_length=253)
    pending_since: str | None = Field(default=None, max_length=64)
    checkpoint: Checkpoint | None = None
    best_checkpoint: Checkpoint | None = None
    provenance: dict[str, str] = Field(default_factory=dict, json_schema_extra={"maxProperties": 32})
