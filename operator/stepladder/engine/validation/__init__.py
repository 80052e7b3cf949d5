"""What the schema of a TuningStudy cannot refuse: values that CEL cannot see, and rules over several fields.

`problems` become the condition Accepted=False and stop the study before it costs anything; `warnings` are advice.
"""

from stepladder.api.study import TuningStudySpec
from stepladder.engine.validation.advice import advice
from stepladder.engine.validation.problem import Problem, unreadable
from stepladder.engine.validation.rounds import round_problems
from stepladder.engine.validation.space import space_problems
from stepladder.engine.validation.template import template_problems

__all__ = ["Problem", "problems", "unreadable", "warnings"]


def problems(spec: TuningStudySpec) -> tuple[Problem, ...]:
    """Everything that makes the study impossible to run as it is, in the order of the fields."""
    return (*space_problems(spec), *round_problems(spec), *template_problems(spec))


def warnings(spec: TuningStudySpec) -> tuple[Problem, ...]:
    """Everything that is allowed and hardly ever wise."""
    return tuple(advice(spec))
