"""The values that a hyperparameter may take: ranges, choices, and bell curves."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from stepladder.api.model import ANY_SCALAR, ATOMIC, ApiModel, Scalar, cel, rules

MAX_INTEGER = 2**53  # beyond it JSON numbers lose digits in other people's tools
WIDEST_BELL = 4.0
"""Where a bell curve has no end of its own, it is cut so many standard deviations from its mean (6 in 100,000)."""


class Scale(StrEnum):
    """How a numeric range is walked: Log spends as many trials on 0.001 to 0.01 as on 0.1 to 1, and LogOneMinus as many
    on 0.9 to 0.99 as on 0.99 to 0.999."""

    LINEAR = "Linear"
    LOG = "Log"
    LOG_ONE_MINUS = "LogOneMinus"


class FloatRange(ApiModel):
    """A continuous range, both ends included."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel("self.min < self.max", "float.min must be below float.max: swap or widen the two"),
            cel("self.scale != 'Log' || self.min > 0.0", "float.min must be above 0 on a Log scale: raise it"),
            cel(
                "self.scale != 'LogOneMinus' || self.max < 1.0",
                "float.max must be below 1 on a LogOneMinus scale, which walks the logarithm of 1 - x: lower it",
            ),
            cel(
                "self.scale == 'Linear' || !has(self.step)",
                "float.step works on a Linear scale only: drop one of them",
            ),
            cel(
                "!has(self.step) || self.step <= self.max - self.min",
                "float.step must not exceed float.max - float.min: make the step smaller",
            ),
        )
    }
    min: float = Field(description="The smallest value.")
    max: float = Field(description="The largest value.")
    scale: Scale = Scale.LINEAR
    step: float | None = Field(default=None, gt=0, description="Only min plus multiples of this are proposed.")


class IntRange(ApiModel):
    """A range of whole numbers, both ends included."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel("self.min < self.max", "int.min must be below int.max: swap or widen the two"),
            cel("self.scale != 'Log' || self.min > 0", "int.min must be at least 1 on a Log scale: raise it"),
            cel(
                "self.scale != 'LogOneMinus'",
                "int.scale LogOneMinus is for numbers just below 1, of which none is whole: use float, Linear or Log",
            ),
            cel("self.scale != 'Log' || !has(self.step)", "int.step works on a Linear scale only: drop one of them"),
            cel(
                "!has(self.step) || self.step <= self.max - self.min",
                "int.step must not exceed int.max - int.min: make the step smaller",
            ),
        )
    }
    min: int = Field(ge=-MAX_INTEGER, le=MAX_INTEGER, description="The smallest value.")
    max: int = Field(ge=-MAX_INTEGER, le=MAX_INTEGER, description="The largest value.")
    scale: Scale = Scale.LINEAR
    step: int | None = Field(
        default=None, ge=1, le=MAX_INTEGER, description="Only min plus multiples of this are proposed."
    )


class Normal(ApiModel):
    """A bell curve around a guess: most proposals near the mean, few far away."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "!has(self.min) || !has(self.max) || self.min < self.max",
                "normal.min must be below normal.max: swap or widen the two",
            ),
            cel(
                "!has(self.min) || self.min < self.mean + 4.0 * self.standardDeviation",
                "normal.min lies 4 standard deviations or more above the mean, where next to nothing is left of the"
                " curve: lower it, or correct the mean",
            ),
            cel(
                "!has(self.max) || self.max > self.mean - 4.0 * self.standardDeviation",
                "normal.max lies 4 standard deviations or more below the mean, where next to nothing is left of the"
                " curve: raise it, or correct the mean",
            ),
        )
    }
    mean: float = Field(ge=-1e100, le=1e100, description="The middle of the curve.")
    standard_deviation: float = Field(
        gt=0, le=1e100, description="Two thirds of the curve lie within one of these from its mean."
    )
    min: float | None = Field(
        default=None, ge=-1e100, le=1e100, description="The smallest value; else 4 standard deviations below the mean."
    )
    max: float | None = Field(
        default=None, ge=-1e100, le=1e100, description="The largest value; else 4 standard deviations above the mean."
    )


class LogNormal(ApiModel):
    """A bell curve over the natural logarithm of the value.

    Mean and standard deviation are those of the logarithm, as numpy's `lognormal` and Ray Tune's `lograndn` have them:
    around 0.001, a factor of e to either side, is mean -6.9 and standardDeviation 1.
    """

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "!has(self.min) || !has(self.max) || self.min < self.max",
                "logNormal.min must be below logNormal.max: swap or widen the two",
            ),
            cel(
                "self.mean - 4.0 * self.standardDeviation >= -700.0"
                " && self.mean + 4.0 * self.standardDeviation <= 700.0",
                "logNormal.mean and standardDeviation are of the natural logarithm, and these reach beyond every number"
                " that a computer holds: give the logarithms",
            ),
        )
    }
    mean: float = Field(ge=-700, le=700, description="The mean of the natural logarithm.")
    standard_deviation: float = Field(gt=0, le=350, description="The standard deviation of the natural logarithm.")
    min: float | None = Field(
        default=None, gt=0, description="The smallest value itself; else 4 standard deviations below the mean."
    )
    max: float | None = Field(
        default=None, gt=0, description="The largest value itself; else 4 standard deviations above the mean."
    )


class Categorical(ApiModel):
    """A choice without order."""

    values: tuple[Annotated[Scalar, Field(description="A value.", json_schema_extra=ANY_SCALAR)], ...] = Field(
        min_length=1,
        max_length=256,
        description="The choices: strings, numbers or booleans.",
        json_schema_extra=ATOMIC,
    )
