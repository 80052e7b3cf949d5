"""TuningStudy's status: counts and incumbents, never a list that grows with the trials."""

from typing import Annotated

from pydantic import Field, computed_field

from stepladder.api.conditions import Condition
from stepladder.api.model import ANY_SCALAR, ApiModel, Scalar, list_map
from stepladder.api.probes import ProbeVerdict
from stepladder.api.rounds import MAX_ROUNDS
from stepladder.api.serving import ServingStatus
from stepladder.api.space import MAX_PARAMETERS


class TrialCounts(ApiModel):
    """Trials by where they are. Counts, never names: a status must not grow with its trials."""

    total: int = Field(default=0, ge=0, description="All trials created so far.")
    running: int = Field(default=0, ge=0, description="Trials with a pod that trains.")
    pending: int = Field(default=0, ge=0, description="Trials that wait for quota, a node, an image or a volume.")
    paused: int = Field(default=0, ge=0, description="Trials at a rung that may yet be promoted, or suspended.")
    succeeded: int = Field(default=0, ge=0, description="Trials trained to the top of their ladder.")
    pruned: int = Field(default=0, ge=0, description="Trials never promoted.")
    infeasible: int = Field(default=0, ge=0, description="Trials that diverged.")
    failed: int = Field(default=0, ge=0, description="Trials given up after errors.")
    stopped: int = Field(default=0, ge=0, description="Trials that the study's end found unfinished.")


class BestTrial(ApiModel):
    """The incumbent: the best trial among those trained furthest."""

    trial: str = Field(max_length=253, description="The Trial's name.")
    value: float = Field(description="Its best objective.")
    step: int = Field(ge=0, description="The step of that evaluation.")
    checkpoint: str | None = Field(default=None, max_length=1024, description="The checkpoint's path.")
    parameters: dict[str, Annotated[Scalar, Field(description="A value.", json_schema_extra=ANY_SCALAR)]] = Field(
        default={}, max_length=MAX_PARAMETERS, description="Its configuration."
    )


class Spread(ApiModel):
    """Repeats of one configuration under other seeds."""

    trial: str = Field(max_length=253, description="The first trial of the configuration.")
    mean: float = Field(description="Mean of the repeats' objectives.")
    standard_deviation: float = Field(description="Their standard deviation.")
    repeats: int = Field(ge=0, description="How many were compared.")


class RoundStatus(ApiModel):
    """How far a round is."""

    name: str = Field(max_length=40, description="The round's name.")
    planned: int = Field(default=0, ge=0, description="Trials that the round will have.")
    trials: TrialCounts = TrialCounts()
    best: BestTrial | None = None
    spread: Spread | None = Field(default=None, description="Of the best configuration, where it was repeated.")
    message: str = Field(default="", max_length=1024, description="Why it ended before all its trials, if it did.")
    verdict: ProbeVerdict | None = Field(
        default=None, description="Of a probe: what its first configuration has come to."
    )


class TuningStudyStatus(ApiModel):
    """What has become of the study."""

    observed_generation: int = Field(default=0, ge=0, description="The generation of the spec that this is about.")
    conditions: tuple[Condition, ...] = Field(
        default=(), max_length=16, description="What is true of the study now.", json_schema_extra=list_map("type")
    )
    phase: str = Field(default="", max_length=64, description="For people; programs read the conditions.")
    round: str = Field(default="", max_length=40, description="The round that is running.")
    rounds: tuple[RoundStatus, ...] = Field(
        default=(), max_length=MAX_ROUNDS, description="Every round, in order.", json_schema_extra=list_map("name")
    )
    trials: TrialCounts = TrialCounts()
    progress: str = Field(default="", max_length=64, description="running/done/planned, for the printer column.")
    best: BestTrial | None = None
    serving: ServingStatus | None = Field(default=None, description="Where the best model is served.")
    trained_steps: int = Field(default=0, ge=0, description="Steps run by all trials, as the trainers report.")
    full_training_steps: int = Field(
        default=0, ge=0, description="What training every trial to the end would have taken."
    )
    gpu_seconds: float = Field(default=0.0, ge=0, description="GPUs times seconds over all segments.")
    start_time: str | None = Field(default=None, max_length=64, description="When the study was first seen.")
    completion_time: str | None = Field(default=None, max_length=64, description="When it succeeded or failed.")

    @computed_field(description="Steps saved against full training, for the printer column.")  # type: ignore[prop-decorator]  # mypy cannot see through decorated properties
    @property
    def saved(self) -> Annotated[str, Field(max_length=16)]:
        """The share of full training's steps that was not trained, such as 73%."""
        if not self.full_training_steps or not self.trained_steps:
            return ""
        # Trainers say what they have trained, and are not always to be believed: the column is short.
        return f"{max(1 - self.trained_steps / self.full_training_steps, -9.99):.0%}"

    @computed_field(description="GPU-hours, for the printer column.")  # type: ignore[prop-decorator]  # as above
    @property
    def gpu_hours(self) -> Annotated[str, Field(max_length=32)]:
        """`gpu_seconds` in hours, with two decimals."""
        return f"{self.gpu_seconds / 3600:.2f}"
