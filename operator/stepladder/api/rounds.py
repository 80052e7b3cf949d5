"""Rounds: who decides how far each configuration is trained, and where a round starts from."""

from enum import StrEnum

from pydantic import Field

from stepladder.api.model import ApiModel, cel, list_map, rules
from stepladder.api.probes import Probe
from stepladder.api.samplers import Sampler
from stepladder.api.space import MAX_PARAMETERS, RoundValue

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
MAX_STEPS = 1_000_000_000_000
MAX_TRIALS = 100_000
MAX_ROUNDS = 16


class PrunerAlgorithm(StrEnum):
    """Who decides how long a configuration may run."""

    AUTO = "Auto"
    NONE = "None"
    SUCCESSIVE_HALVING = "SuccessiveHalving"
    HYPERBAND = "Hyperband"
    ASHA = "ASHA"
    MEDIAN = "Median"
    LEARNING_CURVE = "LearningCurve"
    FREEZE_THAW = "FreezeThaw"


class BracketSizing(StrEnum):
    """Hyperband's brackets as Algorithm 1 of the paper sizes them, or as its Table 1 does (the two disagree)."""

    ALGORITHM_1 = "Algorithm1"
    TABLE_1 = "Table1"


class Resource(StrEnum):
    """What a run is given more of as it climbs: optimizer steps alone, or with them a growing part of the data."""

    STEPS = "Steps"
    DATA_FRACTION = "DataFraction"


class Pruner(ApiModel):
    """Who decides how far each configuration is trained."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "self.algorithm in ['None', 'Auto'] || has(self.minSteps)",
                "pruner.minSteps is missing: give the steps after which the first rung is judged",
            ),
            cel(
                "self.resource == 'Steps' || self.algorithm in ['SuccessiveHalving', 'Hyperband', 'ASHA']",
                "pruner.resource is DataFraction, which grows from rung to rung, and only SuccessiveHalving, Hyperband"
                " and ASHA have rungs: choose one of them, or remove resource",
            ),
            cel(
                "!has(self.improvementProbability) || self.algorithm == 'LearningCurve'",
                "pruner.improvementProbability goes with LearningCurve only: remove it",
            ),
        )
    }
    algorithm: PrunerAlgorithm = PrunerAlgorithm.NONE
    min_steps: int | None = Field(
        default=None,
        ge=1,
        le=MAX_STEPS,
        description="Steps before the first judgement: the lowest rung. Auto has a default for it.",
    )
    reduction_factor: int = Field(default=3, ge=2, le=64, description="One in this many is promoted (eta).")
    bracket_sizing: BracketSizing = BracketSizing.ALGORITHM_1
    resource: Resource = Field(
        default=Resource.STEPS,
        description="DataFraction: up to rung r a run trains on the leading r/maxSteps of its shuffled training data.",
    )
    improvement_probability: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="LearningCurve stops a trial that is less likely than this to beat the best (0.05).",
    )


class RoundSource(ApiModel):
    """Start from the best configurations of an earlier round instead of proposing new ones."""

    round: str = Field(min_length=1, max_length=40, description="The name of the earlier round.")
    best: int = Field(default=1, ge=1, le=1000, description="How many of its best configurations to take.")


class NoImprovement(ApiModel):
    """The round ends early, when nothing better is found any more."""

    trials: int = Field(
        ge=1,
        le=MAX_TRIALS,
        description="So many trials in a row, by number, that ended no better than one before them.",
    )


class Round(ApiModel):
    """One round of the study: many short runs, or few long ones on good points."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "self == oldSelf",
                "rounds cannot change once they are there, since their trials would not compare: add another round",
            ),
            cel(
                "has(self.probe) || has(self.from) != (has(self.trials) || has(self.sampler.explicit))",
                "trials (new configurations) and from (the best of an earlier round) exclude each other:"
                " give exactly one of them",
            ),
            cel(
                "!has(self.trials) || !has(self.sampler.explicit)",
                "trials and sampler.explicit exclude each other, since the list says how many: remove trials",
            ),
            cel(
                "!has(self.pruner.minSteps) || self.pruner.minSteps <= self.maxSteps",
                "pruner.minSteps must not exceed the round's maxSteps: lower it",
            ),
            cel(
                "!has(self.probe) || !has(self.probe.warmup)"
                " || self.probe.warmup.warmupSteps.all(steps, steps <= self.maxSteps)",
                "probe.warmup.warmupSteps must not exceed the round's maxSteps, the length of the training that they"
                " are for: lower them",
            ),
            cel(
                "self.repeats == 1 || self.pruner.algorithm in ['None', 'Auto']",
                "repeats above 1 are there to be compared, hence all trained to the end: set pruner.algorithm: None"
                " or repeats: 1",
            ),
            cel(
                "!has(self.stopWhenNoImprovement) || (self.pruner.algorithm in ['None', 'Auto'] && self.repeats == 1)",
                "stopWhenNoImprovement counts trials that were trained to the end, once: set pruner.algorithm: None and"
                " repeats: 1, or remove it",
            ),
            cel(
                "!has(self.stopWhenNoImprovement) || !has(self.from)",
                "stopWhenNoImprovement ends a search, and a round with from searches nothing: remove it",
            ),
            cel(
                "!has(self.from) || self.from.round != self.name",
                "from.round names this round itself: name an earlier one",
            ),
            cel(
                "!has(self.probe) || !has(self.trials)",
                "trials goes with a search, and a probe measures one configuration: remove it, and list several in"
                " sampler.explicit",
            ),
            cel(
                "!has(self.probe) || (has(self.from) ? self.sampler.algorithm == 'QuasiRandom'"
                " : self.sampler.algorithm in ['QuasiRandom', 'OneAtATime', 'Explicit'])",
                "sampler searches, and a probe measures what it is given: remove it beside from, else set"
                " sampler.algorithm: OneAtATime with a baseline, or Explicit",
            ),
            cel(
                "!has(self.probe) || self.sampler.warmStart.size() == 0",
                "sampler.warmStart begins a search, and a probe searches nothing: remove it",
            ),
            cel(
                "!has(self.probe) || self.pruner.algorithm == 'None'",
                "pruner compares trials, and a probe is not one of several: set pruner.algorithm: None",
            ),
            cel(
                "!has(self.probe) || self.probe.type != 'Ensemble'"
                " || (has(self.from) && self.from.best == 1 && self.repeats == 1)",
                "probe.type Ensemble is of the best trials of an earlier round, as many as probe.ensemble.members: give"
                " from with that round, and leave from.best and repeats at 1",
            ),
            cel(
                "!has(self.probe) || !has(self.stopWhenNoImprovement)",
                "stopWhenNoImprovement ends a search, and a probe searches nothing: remove it",
            ),
        )
    }
    name: str = Field(
        min_length=1, max_length=40, pattern=NAME_PATTERN, description="Stands in labels: a-z, 0-9 and -."
    )
    trials: int | None = Field(default=None, ge=1, le=MAX_TRIALS, description="How many configurations to propose.")
    max_steps: int = Field(ge=1, le=MAX_STEPS, description="Steps of a full run, and the schedule's horizon.")
    from_: RoundSource | None = Field(default=None, alias="from")
    repeats: int = Field(default=1, ge=1, le=100, description="Runs of each configuration, each with another seed.")
    parameters: tuple[RoundValue, ...] = Field(
        default=(),
        max_length=MAX_PARAMETERS,
        description="Values for this round only, such as a schedule of its own.",
        json_schema_extra=list_map("name"),
    )
    sampler: Sampler = Sampler()
    pruner: Pruner = Pruner()
    stop_when_no_improvement: NoImprovement | None = None
    probe: Probe | None = Field(
        default=None, description="Measure the training with this instead of searching: the round ends in a verdict."
    )

    @property
    def proposals(self) -> int:
        """How many configurations the round proposes, over all scientific settings; 0 for one with `from`."""
        if self.sampler.explicit is not None:
            return len(self.sampler.explicit.configurations)
        return self.trials or int(self.probe is not None and self.from_ is None)
