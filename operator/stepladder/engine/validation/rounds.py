"""Problems of the rounds."""

from collections.abc import Iterator
from math import prod

from stepladder.api.study import MAX_TRIALS, Role, Round, TuningStudySpec
from stepladder.engine.validation.problem import Problem
from stepladder.engine.validation.proposals import proposal_problems
from stepladder.engine.validation.suggestions import suggestion_problems


def round_problems(spec: TuningStudySpec) -> Iterator[Problem]:
    """Of each round, and of what it takes from earlier ones."""
    configurations: dict[str, int] = {}  # of the rounds so far
    for index, round_ in enumerate(spec.rounds):
        field = f"spec.rounds[{index}]"
        yield from _overrides(spec, round_, field)
        yield from suggestion_problems(round_, field, spec.rounds[:index])
        yield from _settings(spec, round_, field)
        yield from _source(round_, field, configurations)
        yield from proposal_problems(spec, round_, field)
        configurations[round_.name] = round_.from_.best if round_.from_ else round_.proposals
    runs = sum(configurations[round_.name] * round_.repeats for round_ in spec.rounds)
    if runs > MAX_TRIALS:
        yield Problem("spec.rounds", f"all rounds make {runs} trials, more than {MAX_TRIALS}: propose or repeat fewer")


def _overrides(spec: TuningStudySpec, round_: Round, field: str) -> Iterator[Problem]:
    roles = {parameter.name: parameter.role for parameter in spec.parameters}
    for place, fixed in enumerate(round_.parameters):
        role = roles.get(fixed.name)
        if role is None:
            yield Problem(
                f"{field}.parameters[{place}].name",
                f"{fixed.name} is no parameter of this study: correct the name, or add it to spec.parameters with"
                " role: Fixed",
            )
        elif role is not Role.FIXED:
            yield Problem(
                f"{field}.parameters[{place}].name",
                f"{fixed.name} is searched ({role}), so that a value for one round would hide what was found: remove"
                " it, or set role: Fixed",
            )


def _settings(spec: TuningStudySpec, round_: Round, field: str) -> Iterator[Problem]:
    scientific = [p.categorical.values for p in spec.parameters if p.role is Role.SCIENTIFIC and p.categorical]
    settings = prod(len(values) for values in scientific)
    listed = round_.from_ is not None or round_.sampler.explicit is not None or round_.probe is not None
    if not listed and round_.proposals < settings:
        yield Problem(
            f"{field}.trials",
            f"{round_.proposals} trials cannot compare the {settings} combinations of Scientific values: give at least"
            f" {settings}, better a multiple",
        )


def _source(round_: Round, field: str, earlier: dict[str, int]) -> Iterator[Problem]:
    if round_.from_ is None or round_.from_.round == round_.name:
        return
    source = round_.from_.round
    if source not in earlier:
        yield Problem(f"{field}.from.round", f"{source} comes later than {round_.name}: move it before this round")
    elif round_.from_.best > earlier[source]:
        yield Problem(
            f"{field}.from.best", f"{source} has only {earlier[source]} configurations: lower best to at most that"
        )
