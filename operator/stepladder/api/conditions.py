"""metav1.Condition, and the types that Stepladder uses. Conditions are the truth; `phase` is only a column."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from pydantic import Field

from stepladder.api.model import ApiModel

Status = Literal["True", "False", "Unknown"]


class ConditionType(StrEnum):
    """What a condition is about. All are set at the first visit, with status Unknown where nothing is known yet."""

    ACCEPTED = "Accepted"
    PROGRESSING = "Progressing"
    SUCCEEDED = "Succeeded"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    QUOTA_EXCEEDED = "QuotaExceeded"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    SERVING = "Serving"  # of studies with spec.serve alone
    BASELINE_REASONABLE = "BaselineReasonable"  # of studies with a probe of type Baseline alone


class Condition(ApiModel):
    """One condition (metav1.Condition)."""

    type: str = Field(max_length=316, description="What the condition is about.")
    status: Status = Field(description="Whether it holds.")
    reason: str = Field(min_length=1, max_length=1024, description="Why, in one CamelCase word for programs.")
    message: str = Field(default="", max_length=4096, description="Why, in a sentence for people.")
    last_transition_time: str = Field(max_length=64, description="When the status changed last.")
    observed_generation: int = Field(default=0, ge=0, description="The generation of the spec that this is about.")


def find(conditions: Sequence[Condition], kind: ConditionType) -> Condition | None:
    """The condition of that type, if it has been set."""
    return next((c for c in conditions if c.type == kind), None)


def is_true(conditions: Sequence[Condition], kind: ConditionType) -> bool:
    """Whether the condition of that type has been set and holds."""
    found = find(conditions, kind)
    return found is not None and found.status == "True"


def put(conditions: Sequence[Condition], new: Condition) -> tuple[Condition, ...]:
    """`conditions` with `new` in its place; the transition time moves only when the status does."""
    old = find(conditions, ConditionType(new.type))
    if old is None:
        return (*conditions, new)
    if old.status == new.status:
        new = new.model_copy(update={"last_transition_time": old.last_transition_time})
    return tuple(new if c.type == new.type else c for c in conditions)
