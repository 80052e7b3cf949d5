"""What the schema of a TuningStudy cannot refuse: values that CEL cannot see, and rules over several fields.

`problems` become the condition Accepted=False and stop the study before it costs anything; `warnings` are advice.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from stepladder.api.study import TuningStudySpec
from stepladder.engine import presets
from stepladder.engine.reading import read
from stepladder.engine.validation.advice import advice
from stepladder.engine.validation.ensembles import ensemble_problems
from stepladder.engine.validation.moving import warm_start_advice
from stepladder.engine.validation.problem import Problem, unreadable
from stepladder.engine.validation.rounds import round_problems
from stepladder.engine.validation.space import space_problems
from stepladder.engine.validation.template import template_problems

__all__ = ["Problem", "examine", "problems", "warm_start_advice", "warnings"]


def examine(spec: Mapping[str, Any]) -> tuple[TuningStudySpec | None, tuple[Problem, ...]]:
    """The spec of a stored object with its presets and Auto spelled out, unless it cannot even be read, and everything
    that is wrong with it."""
    try:
        found = read(spec)
    except ValidationError as error:
        return None, unreadable(error)
    return found, problems(found)


def problems(spec: TuningStudySpec) -> tuple[Problem, ...]:
    """Everything that makes the study impossible to run as it is, in the order of the fields."""
    return _where_written(
        spec, (*space_problems(spec), *round_problems(spec), *ensemble_problems(spec), *template_problems(spec))
    )


def warnings(spec: TuningStudySpec) -> tuple[Problem, ...]:
    """Everything that is allowed and hardly ever wise."""
    return _where_written(spec, advice(spec))


def _where_written(spec: TuningStudySpec, found: Iterable[Problem]) -> tuple[Problem, ...]:
    """What is wrong with a preset's parameter is found under `spec.presets` by those who did not write it out."""
    origins = presets.origins(spec)
    places = {
        f"spec.parameters[{index}]": f"spec.presets[{spec.presets.index(origins[p.name])}]({p.name})"
        for index, p in enumerate(spec.parameters)
        if p.name in origins
    }

    def moved(problem: Problem) -> Problem:
        place, bracket, rest = problem.field.partition("]")
        return Problem(places.get(place + bracket, place + bracket) + rest, problem.message)

    return tuple(map(moved, found))
