"""The search space: hyperparameters, their roles in the study's goal, and the values they may take."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from stepladder.api.model import ANY_SCALAR, ATOMIC, ApiModel, Scalar, cel, rules
from stepladder.api.ranges import Categorical, FloatRange, IntRange, LogNormal, Normal

PARAMETER_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.]*$"
MAX_PARAMETERS = 64
MAX_PRESETS = 8
_KINDS = ("float", "int", "categorical", "normal", "logNormal")
_RANGES = " || ".join(f"has(self.{kind})" for kind in _KINDS)
_COUNTED = ", ".join(f"has(self.{kind})" for kind in _KINDS)


class Role(StrEnum):
    """What a hyperparameter is to the study's goal (Tuning Playbook, "Identifying scientific, nuisance and fixed")."""

    SCIENTIFIC = "Scientific"
    NUISANCE = "Nuisance"
    FIXED = "Fixed"


class Preset(StrEnum):
    """Search spaces by name. A parameter of the same name in `parameters` takes the place of the preset's."""

    ADAM_BY_BUDGET = "AdamByBudget"
    ADAM_8P = "Adam8p"
    NADAMW = "NAdamW"
    OPT_LIST = "OptList"
    DETECTION_MODELS = "DetectionModels"


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
                f"[{_COUNTED}].filter(x, x).size() <= 1",
                "float, int, categorical, normal and logNormal exclude each other: keep one of them",
            ),
            cel(
                f"self.role != 'Fixed' || !({_RANGES})",
                "role Fixed takes no range: replace float, int, categorical, normal or logNormal by value, or set role:"
                " Nuisance",
            ),
            cel(
                f"self.role == 'Fixed' || {_RANGES}",
                "role Nuisance or Scientific needs a range: give float, int, categorical, normal or logNormal, or set"
                " role: Fixed and a value",
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
    normal: Normal | None = None
    log_normal: LogNormal | None = None
    when: When | None = None


class FixedValue(ApiModel):
    """A value of a parameter of this study."""

    name: str = Field(min_length=1, max_length=128, pattern=PARAMETER_PATTERN, description="A parameter of this study.")
    value: Scalar = Field(description="Its value.", json_schema_extra=ANY_SCALAR)


class SuggestionSource(ApiModel):
    """A suggestion of an earlier round's probe."""

    round: str = Field(min_length=1, max_length=40, description="The name of an earlier round that is a probe.")
    suggestion: str = Field(
        min_length=1, max_length=128, description="Which number of its verdict, such as batch_size; docs/probes.md."
    )


class RoundValue(ApiModel):
    """A value that a round gives to a parameter, whatever the configuration says."""

    name: str = Field(min_length=1, max_length=128, pattern=PARAMETER_PATTERN, description="A parameter of this study.")
    value: Scalar | None = Field(default=None, description="Its value in this round.", json_schema_extra=ANY_SCALAR)
    value_from: SuggestionSource | None = Field(
        default=None, description="In place of value: what an earlier round's probe has found."
    )
