"""Probes: short measurements that answer one question about a training, and end in a verdict instead of a result."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from stepladder.api.model import ATOMIC, ApiModel, cel, rules

LONGEST_WARMUP = 1_000_000_000
LARGEST_BATCH = 2**30
HIGHEST_RATE = 1e6
MOST_MEMBERS = 16


class ProbeType(StrEnum):
    """What is asked."""

    LEARNING_RATE_RANGE = "LearningRateRange"
    THROUGHPUT = "Throughput"
    INSTABILITY = "Instability"
    WARMUP = "Warmup"
    STEP_BUDGET = "StepBudget"
    ENSEMBLE = "Ensemble"
    BASELINE = "Baseline"


class Ramp(StrEnum):
    """How the learning rate rises from step to step: by a factor, or by an amount."""

    EXPONENTIAL = "Exponential"
    LINEAR = "Linear"


class LearningRateRange(ApiModel):
    """Of LearningRateRange: the learning rate rises over the round's maxSteps (Smith 2017, section 3.3)."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "self.minLearningRate < self.maxLearningRate",
                "minLearningRate must be below maxLearningRate, since the learning rate rises from one to the other:"
                " lower it",
            ),
        )
    }
    min_learning_rate: float = Field(default=1e-7, gt=0, le=HIGHEST_RATE, description="Where the ramp begins.")
    max_learning_rate: float = Field(default=10.0, gt=0, le=HIGHEST_RATE, description="Where the ramp ends.")
    ramp: Ramp = Ramp.EXPONENTIAL


class Throughput(ApiModel):
    """Of Throughput: batch sizes are doubled, and examples per second measured."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "!has(self.maxBatchSize) || self.minBatchSize <= self.maxBatchSize",
                "minBatchSize must not exceed maxBatchSize: lower it",
            ),
        )
    }
    min_batch_size: int = Field(default=8, ge=1, le=LARGEST_BATCH, description="The first batch size.")
    max_batch_size: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST_BATCH,
        description="The last one; without it, as far as memory and the data set go.",
    )
    steps_per_batch_size: int = Field(default=20, ge=1, le=1_000_000, description="Steps that are timed of each.")


class Instability(ApiModel):
    """Of Instability: maxSteps steps at multiples of the configuration's learning_rate, evaluated at every step."""

    factors: tuple[Annotated[float, Field(gt=0, le=HIGHEST_RATE, description="A multiple.")], ...] = Field(
        default=(2.0, 5.0, 10.0),
        min_length=1,
        max_length=16,
        description="Multiples of the configuration's learning_rate, each a run of its own.",
        json_schema_extra=ATOMIC,
    )


class Warmup(ApiModel):
    """Of Warmup: how many steps of linear warmup make a learning rate stable that is not."""

    learning_rate_factor: float = Field(
        default=10.0,
        gt=0,
        le=HIGHEST_RATE,
        description="The peak, in multiples of the configuration's learning_rate: one that is unstable.",
    )
    warmup_steps: tuple[Annotated[int, Field(ge=1, le=LONGEST_WARMUP, description="Steps.")], ...] = Field(
        default=(),
        max_length=16,
        description="Lengths to try, each with twice as many steps at the peak; powers of ten from 10 up to a tenth of"
        " maxSteps if none is given.",
        json_schema_extra=ATOMIC,
    )


class StepBudget(ApiModel):
    """Of StepBudget: maxSteps steps at each of some constant learning rates, until one fits the training set perfectly.

    Regularisation and augmentation are off.
    """

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "self.learningRates.size() == 0"
                " || !(has(self.minLearningRate) || has(self.maxLearningRate) || has(self.count))",
                "learningRates and minLearningRate, maxLearningRate, count exclude each other: give the list, or the"
                " grid",
            ),
            cel(
                "!has(self.minLearningRate) || self.minLearningRate"
                " < (has(self.maxLearningRate) ? self.maxLearningRate : 1.0)",
                "minLearningRate must be below maxLearningRate (1 if not given): lower it",
            ),
            cel(
                "!has(self.maxLearningRate) || has(self.minLearningRate) || self.maxLearningRate > 0.0001",
                "maxLearningRate must be above minLearningRate (0.0001 if not given): raise it",
            ),
        )
    }
    learning_rates: tuple[
        Annotated[float, Field(gt=0, le=HIGHEST_RATE, description="A constant learning rate.")], ...
    ] = Field(default=(), max_length=64, description="The learning rates to try.", json_schema_extra=ATOMIC)
    min_learning_rate: float | None = Field(
        default=None, gt=0, le=HIGHEST_RATE, description="The least of a logarithmic grid (1e-4)."
    )
    max_learning_rate: float | None = Field(
        default=None, gt=0, le=HIGHEST_RATE, description="The greatest of a logarithmic grid (1)."
    )
    count: int | None = Field(default=None, ge=2, le=64, description="How many learning rates the grid has (5).")


class Ensemble(ApiModel):
    """Of Ensemble: the best trials of the round that `from` names judge together; nothing is trained."""

    members: int = Field(default=5, ge=2, le=MOST_MEMBERS, description="How many trials, the best first.")


class Baseline(ApiModel):
    """Of Baseline: the configuration is trained for maxSteps, and has to do much better than chance."""

    reasonable_error: float | None = Field(
        default=None,
        gt=0,
        description="The validation_error that it has to come to, at most; if not given, nine tenths of that of always"
        " giving the same answer.",
    )
    required: bool = Field(
        default=True,
        description="Where it is not reasonable the study ends before its later rounds begin; false: it is only said.",
    )


def _belongs(field: str, kind: ProbeType) -> dict[str, str]:
    return cel(
        f"!has(self.{field}) || self.type == '{kind}'",
        f"{field} goes with a probe of type {kind} only: remove it, or set type: {kind}",
    )


class Probe(ApiModel):
    """A question about the training, and how it is asked."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            _belongs("learningRateRange", ProbeType.LEARNING_RATE_RANGE),
            _belongs("throughput", ProbeType.THROUGHPUT),
            _belongs("instability", ProbeType.INSTABILITY),
            _belongs("warmup", ProbeType.WARMUP),
            _belongs("stepBudget", ProbeType.STEP_BUDGET),
            _belongs("ensemble", ProbeType.ENSEMBLE),
            _belongs("baseline", ProbeType.BASELINE),
        )
    }
    type: ProbeType
    learning_rate_range: LearningRateRange | None = None
    throughput: Throughput | None = None
    instability: Instability | None = None
    warmup: Warmup | None = None
    step_budget: StepBudget | None = None
    ensemble: Ensemble | None = None
    baseline: Baseline | None = None


class ProbeVerdict(ApiModel):
    """What a probe has found, as the trainer tells it."""

    type: ProbeType
    summary: str = Field(max_length=1024, description="One sentence for people.")
    suggestions: dict[str, Annotated[float, Field(description="A value.")]] = Field(
        default={}, max_length=32, description="Hyperparameters and the values that it suggests for them."
    )
    flags: tuple[Annotated[str, Field(max_length=64, description="A word.")], ...] = Field(
        default=(),
        max_length=16,
        description="What was noticed besides, in CamelCase words such as InputBound.",
        json_schema_extra=ATOMIC,
    )
    picture: str | None = Field(default=None, max_length=1024, description="An SVG, as the trainer sees its place.")
    data: str | None = Field(default=None, max_length=1024, description="All points, as JSON, likewise.")
    key: str | None = Field(
        default=None, max_length=64, description="Of Throughput: the same for the same model, optimizer and device."
    )
    measured_on: str | None = Field(default=None, max_length=512, description="These in words.")
