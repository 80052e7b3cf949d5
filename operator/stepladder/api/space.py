"""The search space: hyperparameters, their roles in the study's goal, and the values they may take."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from stepladder.api.model import ANY_SCALAR, ATOMIC, ApiModel, Scalar, cel, rules

PARAMETER_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.]*$"
MAX_PARAMETERS = 64
MAX_INTEGER = 2**53  # beyond it JSON numbers lose digits in other people's tools
_RANGES = "has(self.float) || has(self.int) || has(self.categorical)"


class Role(StrEnum):
    """What a hyperparameter is to the study's goal (Tuning Playbook, "Identifying scientific, nuisance and fixed")."""

    SCIENTIFIC = "Scientific"
    NUISANCE = "Nuisance"
    FIXED = "Fixed"


class Scale(StrEnum):
    """How a numeric range is walked: Log spends as many trials on 0.001 to 0.01 as on 0.1 to 1."""

    LINEAR = "Linear"
    LOG = "Log"


class FloatRange(ApiModel):
    """A continuous range, both ends included."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel("self.min < self.max", "float.min must be below float.max: swap or widen the two"),
            cel("self.scale != 'Log' || self.min > 0.0", "float.min must be above 0 on a Log scale: raise it"),
            cel("self.scale != 'Log' || !has(self.step)", "float.step works on a Linear scale only: drop one of them"),
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


class Categorical(ApiModel):
    """A choice without order."""

    values: tuple[Annotated[Scalar, Field(description="A value.", json_schema_extra=ANY_SCALAR)], ...] = Field(
        min_length=1,
        max_length=256,
        description="The choices: strings, numbers or booleans.",
        json_schema_extra=ATOMIC,
    )


class When(ApiModel):
    """The parameter exists only where another one has one of these values."""

    parameter: str = Field(min_length=1, max_length=128, description="The name of the other parameter.")
    values: tuple[Annotated[Scalar, Field(description="A value.", json_schema_extra=ANY_SCALAR)], ...] = Field(
        alias="in",
        min_length=1,
        max_length=64,
        description="The values of the other parameter that bring this one about.",
        json_schema_extra=ATOMIC,
    )


class Parameter(ApiModel):
    """One hyperparameter: its role in the study's goal and what values it may take."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "[has(self.float), has(self.int), has(self.categorical)].filter(x, x).size() <= 1",
                "float, int and categorical exclude each other: keep one of them",
            ),
            cel(
                f"self.role != 'Fixed' || !({_RANGES})",
                "role Fixed takes no range: replace float, int or categorical by value, or set role: Nuisance",
            ),
            cel(
                f"self.role == 'Fixed' || {_RANGES}",
                "role Nuisance or Scientific needs a range: give float, int or categorical, or set role: Fixed"
                " and a value",
            ),
            cel(
                "self.role != 'Scientific' || has(self.categorical)",
                "role Scientific needs categorical values, each of which is tuned by itself and compared:"
                " list the values to compare",
            ),
            cel(
                "self.role != 'Scientific' || !has(self.when)",
                "when cannot go with role Scientific, since every setting is compared with every other:"
                " remove when or set role: Nuisance",
            ),
            cel(
                "!(self.name in ['max_steps', 'max_train_steps', 'maxSteps', 'steps', 'epochs'])",
                "name is the length of training, which is never a search parameter: use rounds[].maxSteps",
            ),
            cel(
                "!has(self.when) || self.when.parameter != self.name",
                "when.parameter names this parameter itself: name another one",
            ),
        )
    }
    name: str = Field(
        min_length=1,
        max_length=128,
        pattern=PARAMETER_PATTERN,
        description="As the trainer knows it; adam.beta1 is beta1 of adam.",
    )
    role: Role = Role.NUISANCE
    value: Scalar | None = Field(
        default=None, description="The value of a Fixed parameter.", json_schema_extra=ANY_SCALAR
    )
    float_: FloatRange | None = Field(default=None, alias="float")
    int_: IntRange | None = Field(default=None, alias="int")
    categorical: Categorical | None = None
    when: When | None = None


class FixedValue(ApiModel):
    """A value that a round gives to a parameter, whatever the configuration says."""

    name: str = Field(
        min_length=1, max_length=128, pattern=PARAMETER_PATTERN, description="A Fixed parameter of this study."
    )
    value: Scalar = Field(description="Its value in this round.", json_schema_extra=ANY_SCALAR)
