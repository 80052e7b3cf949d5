"""TuningStudy: what a person wants to know, the space to search, the rounds to search it in, and what may be spent."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from stepladder.api.conditions import Condition
from stepladder.api.model import ANY_SCALAR, ATOMIC, ApiModel, Scalar, cel, list_map, rules

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
PARAMETER_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.]*$"
METRIC_PATTERN = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"

MAX_STEPS = 1_000_000_000_000
MAX_TRIALS = 100_000


class Direction(StrEnum):
    """Which way the objective improves."""

    MINIMIZE = "Minimize"
    MAXIMIZE = "Maximize"


class Role(StrEnum):
    """What a hyperparameter is to the study's goal (Tuning Playbook, "Identifying scientific, nuisance and fixed")."""

    SCIENTIFIC = "Scientific"
    NUISANCE = "Nuisance"
    FIXED = "Fixed"


class Scale(StrEnum):
    """How a numeric range is walked."""

    LINEAR = "Linear"
    LOG = "Log"


class SamplerAlgorithm(StrEnum):
    """Who proposes configurations."""

    QUASI_RANDOM = "QuasiRandom"
    RANDOM = "Random"
    TPE = "TPE"
    GAUSSIAN_PROCESS = "GaussianProcess"


class PrunerAlgorithm(StrEnum):
    """Who decides how long a configuration may run."""

    NONE = "None"
    SUCCESSIVE_HALVING = "SuccessiveHalving"
    HYPERBAND = "Hyperband"
    ASHA = "ASHA"


class BracketSizing(StrEnum):
    """Hyperband's brackets as Algorithm 1 of the paper sizes them, or as its Table 1 does (the two disagree)."""

    ALGORITHM_1 = "Algorithm1"
    TABLE_1 = "Table1"


class PodRetention(StrEnum):
    """Which pods of ended segments are kept, so that `kubectl logs` still works."""

    FAILED = "Failed"
    ALL = "All"
    NONE = "None"


class Objective(ApiModel):
    """The one number that is compared, as the trainer names it."""

    metric: str = Field(min_length=1, max_length=128, pattern=METRIC_PATTERN)
    direction: Direction = Direction.MINIMIZE
    target: float | None = Field(default=None, description="The study ends as soon as a trial is this good.")


class FloatRange(ApiModel):
    """A continuous range, both ends included."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel("self.min < self.max", "float.min must be below float.max: swap or widen the two"),
            cel("self.scale != 'Log' || self.min > 0.0", "float.scale Log needs float.min above 0: raise min"),
            cel("self.scale != 'Log' || !has(self.step)", "float.step works with scale Linear only: drop one of them"),
            cel("!has(self.step) || self.step > 0.0", "float.step must be above 0"),
        )
    }
    min: float
    max: float
    scale: Scale = Scale.LINEAR
    step: float | None = Field(default=None, description="Only multiples of this above min are proposed.")


class IntRange(ApiModel):
    """A range of whole numbers, both ends included."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel("self.min < self.max", "int.min must be below int.max: swap or widen the two"),
            cel("self.scale != 'Log' || self.min > 0", "int.scale Log needs int.min of at least 1: raise min"),
            cel("self.scale != 'Log' || !has(self.step)", "int.step works with scale Linear only: drop one of them"),
        )
    }
    min: int
    max: int
    scale: Scale = Scale.LINEAR
    step: int | None = Field(default=None, ge=1, description="Only multiples of this above min are proposed.")


class Categorical(ApiModel):
    """A choice without order."""

    values: tuple[Annotated[Scalar, Field(json_schema_extra=ANY_SCALAR)], ...] = Field(
        min_length=1, max_length=256, json_schema_extra=ATOMIC
    )


class When(ApiModel):
    """The parameter exists only where another one has one of these values."""

    parameter: str = Field(min_length=1, max_length=128)
    values: tuple[Annotated[Scalar, Field(json_schema_extra=ANY_SCALAR)], ...] = Field(
        alias="in", min_length=1, max_length=64, json_schema_extra=ATOMIC
    )


class Parameter(ApiModel):
    """One hyperparameter: its role in the study's goal and what values it may take."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "[has(self.value), has(self.float), has(self.int), has(self.categorical)].filter(x, x).size() == 1",
                "a parameter needs exactly one of value, float, int and categorical",
            ),
            cel(
                "has(self.value) == (self.role == 'Fixed')",
                "role Fixed goes with value, every other role with a range: set role: Fixed or replace value",
            ),
            cel(
                "self.role != 'Scientific' || has(self.categorical)",
                "a Scientific parameter needs categorical values, since each of them is tuned and compared on its own",
            ),
            cel(
                "!(self.name in ['max_steps', 'max_train_steps', 'maxSteps', 'steps', 'epochs'])",
                "the length of training is never a search parameter: use rounds[].maxSteps",
            ),
            cel("!has(self.when) || self.when.parameter != self.name", "when.parameter must name another parameter"),
        )
    }
    name: str = Field(min_length=1, max_length=128, pattern=PARAMETER_PATTERN)
    role: Role = Role.NUISANCE
    value: Scalar | None = Field(default=None, json_schema_extra=ANY_SCALAR)
    float_: FloatRange | None = Field(default=None, alias="float")
    int_: IntRange | None = Field(default=None, alias="int")
    categorical: Categorical | None = None
    when: When | None = None


class Sampler(ApiModel):
    """Who proposes the round's configurations."""

    algorithm: SamplerAlgorithm = SamplerAlgorithm.QUASI_RANDOM


class Pruner(ApiModel):
    """Who decides how far each configuration is trained."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "self.algorithm == 'None' || has(self.minSteps)",
                "pruner.minSteps is needed: the steps after which the first rung is judged",
            )
        )
    }
    algorithm: PrunerAlgorithm = PrunerAlgorithm.NONE
    min_steps: int | None = Field(default=None, ge=1, le=MAX_STEPS, description="Steps of the lowest rung.")
    reduction_factor: int = Field(default=3, ge=2, le=64, description="One in this many is promoted (eta).")
    bracket_sizing: BracketSizing = BracketSizing.ALGORITHM_1


class RoundSource(ApiModel):
    """Start from the best configurations of an earlier round instead of proposing new ones."""

    round: str = Field(min_length=1, max_length=63)
    best: int = Field(default=1, ge=1, le=1000)


class FixedValue(ApiModel):
    """A value that a round gives to a parameter, whatever the configuration says."""

    name: str = Field(min_length=1, max_length=128, pattern=PARAMETER_PATTERN)
    value: Scalar = Field(json_schema_extra=ANY_SCALAR)


class Round(ApiModel):
    """One round of the study: many short runs, or few long ones on good points."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "has(self.from) != has(self.trials)",
                "a round needs either trials (new configurations) or from (the best of an earlier round), not both",
            ),
            cel(
                "!has(self.pruner) || !has(self.pruner.minSteps) || self.pruner.minSteps <= self.maxSteps",
                "pruner.minSteps must not exceed the round's maxSteps: lower it",
            ),
            cel(
                "!has(self.from) || self.from.round != self.name", "from.round must name an earlier round, not this one"
            ),
        )
    }
    name: str = Field(min_length=1, max_length=40, pattern=NAME_PATTERN)
    trials: int | None = Field(default=None, ge=1, le=MAX_TRIALS, description="How many configurations to propose.")
    max_steps: int = Field(ge=1, le=MAX_STEPS, description="Steps of a full run, and the schedule's horizon.")
    from_: RoundSource | None = Field(default=None, alias="from")
    repeats: int = Field(default=1, ge=1, le=100, description="Runs of each configuration, each with another seed.")
    parameters: tuple[FixedValue, ...] = Field(
        default=(),
        max_length=64,
        description="Values for this round only, such as a schedule of its own.",
        json_schema_extra=list_map("name"),
    )
    sampler: Sampler = Sampler()
    pruner: Pruner = Pruner()


class Budget(ApiModel):
    """What the study may cost. Whatever runs out first ends it, with the best trial found so far."""

    gpu_hours: float | None = Field(default=None, gt=0, le=1e9)
    trained_steps: int | None = Field(default=None, ge=1, le=MAX_STEPS, description="Steps over all trials.")
    active_deadline_seconds: int | None = Field(default=None, ge=1, le=31_536_000)


class FailurePolicy(ApiModel):
    """What is borne before the study gives up."""

    max_failed_trials: int = Field(default=5, ge=0, le=MAX_TRIALS, description="More failed trials fail the study.")
    max_retries: int = Field(default=3, ge=0, le=100, description="Retries of a trial after unexplained failures.")
    pending_deadline_seconds: int = Field(
        default=3600, ge=1, le=31_536_000, description="How long a pod may wait for its image, volume or node."
    )


class ClaimReference(ApiModel):
    """A PersistentVolumeClaim in the study's namespace."""

    claim_name: str = Field(min_length=1, max_length=253)


class Checkpoints(ApiModel):
    """Where checkpoints live. Without a claim they live in the pod and a lost pod starts again from step 0."""

    persistent_volume_claim: ClaimReference | None = None
    mount_path: str = Field(default="/checkpoints", min_length=1, max_length=512, pattern="^/.*$")


class Metrics(ApiModel):
    """Where a foreign image serves its metrics, and what it calls the step."""

    port: int = Field(default=9090, ge=1, le=65535)
    path: str = Field(default="/evaluations", min_length=1, max_length=256, pattern="^/.*$")
    step_metric: str = Field(default="stepladder_step", min_length=1, max_length=128, pattern=METRIC_PATTERN)


class Trainer(ApiModel):
    """The pod that trains."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "self.template.spec.containers.exists_one(c, c.name == 'trainer')",
                "trainer.template needs exactly one container named trainer: that one trains and is watched",
            ),
        )
    }
    template: dict[str, Any] = Field(
        description="A PodTemplateSpec. The container named trainer is given the trial.",
        json_schema_extra={
            "type": "object",
            "required": ["spec"],
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {
                "spec": {
                    "type": "object",
                    "required": ["containers"],
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {
                        "containers": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 16,
                            "x-kubernetes-list-type": "map",
                            "x-kubernetes-list-map-keys": ["name"],
                            "items": {
                                "type": "object",
                                "required": ["name", "image"],
                                "x-kubernetes-preserve-unknown-fields": True,
                                "properties": {
                                    "name": {"type": "string", "minLength": 1, "maxLength": 63},
                                    "image": {"type": "string", "minLength": 1, "maxLength": 1024},
                                },
                            },
                        }
                    },
                }
            },
        },
    )
    checkpoints: Checkpoints = Checkpoints()
    metrics: Metrics = Metrics()
    pod_retention: PodRetention = PodRetention.FAILED


class TuningStudySpec(ApiModel):
    """What to find out, over which space, in which rounds, at what cost."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel("self.objective == oldSelf.objective", "objective cannot change: results would not compare"),
            cel("self.parameters == oldSelf.parameters", "parameters cannot change: make a new study instead"),
            cel("self.seed == oldSelf.seed", "seed cannot change: make a new study instead"),
            cel(
                "oldSelf.rounds.all(o, self.rounds.exists(r, r == o))",
                "rounds can only be added: a round that is there cannot change or go",
            ),
            cel(
                "self.rounds.all(r, !has(r.from) || self.rounds.exists(e, e.name == r.from.round))",
                "rounds[].from.round must name a round of this study",
            ),
            cel(
                "self.parameters.all(p, !has(p.when) || self.parameters.exists(q, q.name == p.when.parameter))",
                "parameters[].when.parameter must name a parameter of this study",
            ),
            cel("self.rounds.exists(r, has(r.trials))", "one round needs trials: nothing would be proposed otherwise"),
        )
    }
    goal: str = Field(default="", max_length=4096, description="The question that this study answers.")
    objective: Objective
    parameters: tuple[Parameter, ...] = Field(min_length=1, max_length=64, json_schema_extra=list_map("name"))
    rounds: tuple[Round, ...] = Field(min_length=1, max_length=16, json_schema_extra=list_map("name"))
    parallelism: int = Field(default=1, ge=1, le=10_000, description="Trials that may run at once.")
    seed: int = Field(default=0, ge=0, le=2_147_483_647)
    suspend: bool = Field(default=False, description="Pause every trial at a checkpoint; false continues them.")
    budget: Budget = Budget()
    failure_policy: FailurePolicy = FailurePolicy()
    trainer: Trainer

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, data: object) -> object:
        """A field set to null is a field not set, as the API server has it."""
        if isinstance(data, dict):
            return {k: v for k, v in data.items() if v is not None}
        return data


class TrialCounts(ApiModel):
    """Trials by where they are. Counts, never names: a status must not grow with its trials."""

    total: int = 0
    running: int = 0
    pending: int = 0
    paused: int = 0
    succeeded: int = 0
    pruned: int = 0
    infeasible: int = 0
    failed: int = 0
    stopped: int = 0


class BestTrial(ApiModel):
    """The incumbent: the best trial among those trained furthest."""

    trial: str = Field(max_length=253)
    value: float
    step: int
    checkpoint: str | None = Field(default=None, max_length=1024)
    parameters: dict[str, Annotated[Scalar, Field(json_schema_extra=ANY_SCALAR)]] = Field(
        default_factory=dict, json_schema_extra={"maxProperties": 64}
    )


class Spread(ApiModel):
    """Repeats of one configuration under other seeds."""

    trial: str = Field(max_length=253, description="The first trial of the configuration.")
    mean: float
    standard_deviation: float
    repeats: int


class RoundStatus(ApiModel):
    """How far a round is."""

    name: str = Field(max_length=40)
    planned: int = 0
    trials: TrialCounts = TrialCounts()
    best: BestTrial | None = None
    spread: Spread | None = Field(default=None, description="Of the best configuration, where it was repeated.")


class TuningStudyStatus(ApiModel):
    """What has become of the study."""

    observed_generation: int = Field(default=0, ge=0)
    conditions: tuple[Condition, ...] = Field(default=(), max_length=16, json_schema_extra=list_map("type"))
    phase: str = Field(default="", max_length=64)
    round: str = Field(default="", max_length=40)
    rounds: tuple[RoundStatus, ...] = Field(default=(), max_length=16, json_schema_extra=list_map("name"))
    trials: TrialCounts = TrialCounts()
    progress: str = Field(default="", max_length=64, description="running/done/planned, for the printer column.")
    best: BestTrial | None = None
    trained_steps: int = 0
    full_training_steps: int = Field(default=0, description="What training every trial to the end would have taken.")
    gpu_seconds: float = 0.0
    start_time: str | None = Field(default=None, max_length=64)
    completion_time: str | None = Field(default=None, max_length=64)
