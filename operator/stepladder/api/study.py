"""TuningStudy: what a person wants to know, the space to search, the rounds to search it in, and what may be spent."""

from enum import StrEnum

from pydantic import Field, model_validator

from stepladder.api.model import ATOMIC, ApiModel, cel, list_map, rules
from stepladder.api.ranges import Categorical, FloatRange, IntRange, LogNormal, Normal, Scale
from stepladder.api.rounds import (
    MAX_ROUNDS,
    MAX_STEPS,
    MAX_TRIALS,
    NAME_PATTERN,
    BracketSizing,
    Pruner,
    PrunerAlgorithm,
    Round,
    RoundSource,
)
from stepladder.api.samplers import Sampler, SamplerAlgorithm, WarmStart
from stepladder.api.serving import Serve, ServingStatus
from stepladder.api.space import (
    MAX_PARAMETERS,
    MAX_PRESETS,
    FixedValue,
    Parameter,
    Preset,
    Role,
    RoundValue,
    SuggestionSource,
    When,
)
from stepladder.api.study_status import BestTrial, RoundStatus, Spread, TrialCounts, TuningStudyStatus
from stepladder.api.trainer import METRIC_PATTERN, Checkpoints, ClaimReference, Metrics, PodRetention, Trainer

__all__ = [
    "MAX_STEPS",
    "MAX_TRIALS",
    "NAME_PATTERN",
    "BestTrial",
    "BracketSizing",
    "Budget",
    "Categorical",
    "Checkpoints",
    "ClaimReference",
    "Direction",
    "FailurePolicy",
    "FixedValue",
    "FloatRange",
    "IntRange",
    "LogNormal",
    "Metrics",
    "Normal",
    "Objective",
    "Parameter",
    "PodRetention",
    "Preset",
    "Pruner",
    "PrunerAlgorithm",
    "Role",
    "Round",
    "RoundSource",
    "RoundStatus",
    "RoundValue",
    "Sampler",
    "SamplerAlgorithm",
    "Scale",
    "Serve",
    "ServingStatus",
    "Spread",
    "SuggestionSource",
    "Trainer",
    "TrialCounts",
    "TuningStudySpec",
    "TuningStudyStatus",
    "WarmStart",
    "When",
]


class Direction(StrEnum):
    """Which way the objective improves."""

    MINIMIZE = "Minimize"
    MAXIMIZE = "Maximize"


class Objective(ApiModel):
    """The one number that is compared, as the trainer names it."""

    metric: str = Field(
        min_length=1, max_length=128, pattern=METRIC_PATTERN, description="The metric's name in the trainer's metrics."
    )
    direction: Direction = Direction.MINIMIZE
    target: float | None = Field(default=None, description="The study ends as soon as a trial is this good.")


class Budget(ApiModel):
    """What the study may cost. Whatever runs out first ends it, with the best trial found so far."""

    gpu_hours: float | None = Field(default=None, gt=0, le=1e9, description="GPUs times hours, over all trials.")
    trained_steps: int | None = Field(
        default=None,
        ge=1,
        le=MAX_STEPS,
        description="Steps over all trials. No new segment starts beyond it; those under way are stopped.",
    )
    active_deadline_seconds: int | None = Field(
        default=None, ge=1, le=31_536_000, description="Wall-clock time since the study started."
    )


class FailurePolicy(ApiModel):
    """What is borne before the study gives up."""

    max_failed_trials: int = Field(default=5, ge=0, le=MAX_TRIALS, description="More failed trials fail the study.")
    max_retries: int = Field(default=3, ge=0, le=100, description="Retries of a trial after unexplained failures.")
    pending_deadline_seconds: int = Field(
        default=3600, ge=1, le=31_536_000, description="How long a pod may wait for its image, volume or node."
    )


class TuningStudySpec(ApiModel):
    """What to find out, over which space, in which rounds, at what cost."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "self.objective.metric == oldSelf.objective.metric"
                " && self.objective.direction == oldSelf.objective.direction",
                "objective.metric and objective.direction cannot change, since results would not compare:"
                " make a new study",
            ),
            cel(
                "self.parameters == oldSelf.parameters"
                " && self.parameters.map(p, p.name) == oldSelf.parameters.map(p, p.name)",
                "parameters cannot change, since trials have been drawn from them: make a new study",
            ),
            cel(
                "self.presets == oldSelf.presets",
                "presets cannot change, since trials have been drawn from them: make a new study",
            ),
            cel(
                "self.parameters.size() > 0 || self.presets.size() > 0",
                "parameters and presets are both missing, so that there is nothing to search: give one of them",
            ),
            cel("self.seed == oldSelf.seed", "seed cannot change: make a new study"),
            cel(
                "self.rounds.map(r, r.name) == oldSelf.rounds.map(o, o.name)"
                " + self.rounds.filter(r, !oldSelf.rounds.exists(o, o.name == r.name)).map(r, r.name)",
                "rounds can only be added, after those that are there: put back the rounds that were removed or moved",
            ),
            cel(
                "self.rounds.all(r, !has(r.from) || self.rounds.exists(e, e.name == r.from.round))",
                "rounds[].from.round names no round of this study: give the name of an earlier round",
            ),
            cel(
                "self.rounds.all(r, !has(r.from) || !self.rounds.exists(e, e.name == r.from.round && has(e.probe)))",
                "rounds[].from.round names a probe, which compares no configurations: name a round that searches",
            ),
            cel(
                "self.rounds.all(r, r.parameters.all(p, !has(p.valueFrom)"
                " || self.rounds.exists(e, e.name == p.valueFrom.round && has(e.probe))))",
                "rounds[].parameters[].valueFrom.round names no probe of this study: give the name of an earlier round"
                " that has probe",
            ),
            cel(
                "self.rounds.all(r, !has(r.probe) || has(r.from) || r.sampler.algorithm != 'QuasiRandom')"
                " || (self.presets.size() == 0 && self.parameters.all(p, p.role == 'Fixed'))",
                "rounds[].probe measures one configuration, and parameters leave open which: name it with"
                " sampler.algorithm: OneAtATime and its baseline, with Explicit, or with from",
            ),
            cel(
                "self.presets.size() > 0"
                " || self.parameters.all(p, !has(p.when) || self.parameters.exists(q, q.name == p.when.parameter))",
                "parameters[].when.parameter names no parameter of this study: correct the name or add the parameter",
            ),
            cel(
                "!has(self.serve) || (has(self.trainer.checkpoints)"
                " && (has(self.trainer.checkpoints.persistentVolumeClaim) || has(self.trainer.checkpoints.url)))",
                "serve needs checkpoints that outlive the pod that wrote them: give"
                " trainer.checkpoints.persistentVolumeClaim or trainer.checkpoints.url",
            ),
            cel(
                "self.rounds.exists(r, !has(r.from))",
                "rounds[].trials is missing in every round, so that nothing would be proposed: give it to the first",
            ),
        )
    }
    goal: str = Field(default="", max_length=4096, description="The question that this study answers.")
    objective: Objective
    presets: tuple[Preset, ...] = Field(
        default=(),
        max_length=MAX_PRESETS,
        description="Search spaces by name; where two have a parameter of one name, the later has it.",
        json_schema_extra=ATOMIC,
    )
    parameters: tuple[Parameter, ...] = Field(
        default=(),
        max_length=MAX_PARAMETERS,
        description="The search space and the fixed values. They win over those of presets with the same name.",
        json_schema_extra=list_map("name"),
    )
    rounds: tuple[Round, ...] = Field(
        min_length=1,
        max_length=MAX_ROUNDS,
        description="Run one after the other, in this order. More may be added while the study runs.",
        json_schema_extra=list_map("name"),
    )
    parallelism: int = Field(default=1, ge=1, le=10_000, description="Trials that may run at once.")
    seed: int = Field(
        default=0, ge=0, le=2_147_483_647, description="Same seed, same configurations (with one trial at a time)."
    )
    suspend: bool = Field(default=False, description="Pause every trial at a checkpoint; false continues them.")
    budget: Budget = Budget()
    failure_policy: FailurePolicy = FailurePolicy()
    trainer: Trainer
    serve: Serve | None = Field(default=None, description="Serve the best model once the study has succeeded.")

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, data: object) -> object:
        """A field set to null is a field not set, as the API server has it."""
        if isinstance(data, dict):
            return {k: v for k, v in data.items() if v is not None}
        return data
