"""Problems of the search space."""

from collections.abc import Iterator, Mapping, Sequence
from math import exp, log

from stepladder.api.model import Scalar
from stepladder.api.ranges import WIDEST_BELL, LogNormal
from stepladder.api.study import Parameter, Role, TuningStudySpec
from stepladder.engine.space import same, stated
from stepladder.engine.validation.problem import Problem


def space_problems(spec: TuningStudySpec) -> Iterator[Problem]:
    """Of the parameters, one by one and together."""
    for index, parameter in enumerate(spec.parameters):
        field = f"spec.parameters[{index}]"
        yield from _values(parameter, field)
        yield from _condition(parameter, field, spec)
    yield from _circles(spec.parameters)


def _values(parameter: Parameter, field: str) -> Iterator[Problem]:
    if parameter.role is Role.FIXED and parameter.value is None:
        yield Problem(f"{field}.value", f"{parameter.name} is Fixed and has no value: give one, or a range and a role")
    if parameter.role is not Role.FIXED and parameter.value is not None:
        yield Problem(
            f"{field}.value",
            f"{parameter.name} has a range, hence a value would be ignored: remove one of them, or set role: Fixed",
        )
    if parameter.log_normal is not None:
        yield from _bell(parameter.log_normal, f"{field}.logNormal")
    values = parameter.categorical.values if parameter.categorical else ()
    for place, value in enumerate(values):
        if any(same(value, earlier) for earlier in values[:place]):
            yield Problem(f"{field}.categorical.values[{place}]", f"{value!r} is listed twice: remove one of the two")


def _bell(bell: LogNormal, field: str) -> Iterator[Problem]:
    """What the schema refuses of a normal: its rules know no logarithms."""
    reach = WIDEST_BELL * bell.standard_deviation
    if bell.min is not None and log(bell.min) >= bell.mean + reach:
        yield Problem(
            f"{field}.min",
            f"logNormal.min {bell.min:g} lies 4 standard deviations or more above e to the mean, {exp(bell.mean):.3g},"
            " where next to nothing is left of the curve: lower it, or correct the mean",
        )
    if bell.max is not None and log(bell.max) <= bell.mean - reach:
        yield Problem(
            f"{field}.max",
            f"logNormal.max {bell.max:g} lies 4 standard deviations or more below e to the mean, {exp(bell.mean):.3g},"
            " where next to nothing is left of the curve: raise it, or correct the mean",
        )


def _condition(parameter: Parameter, field: str, spec: TuningStudySpec) -> Iterator[Problem]:
    when = parameter.when
    parent = next((p for p in spec.parameters if when and p.name == when.parameter), None)
    if when is None:
        return
    if parent is None:  # without presets the schema's rules have refused it
        yield Problem(
            f"{field}.when.parameter",
            f"{when.parameter} is no parameter of this study or of its presets: correct the name or add the parameter",
        )
        return
    told = [r.name for r in spec.rounds for given in r.parameters if given.name == parent.name and given.value_from]
    if told:
        yield Problem(
            f"{field}.when.parameter",
            f"{parent.name} is what a probe finds in round {told[0]}, and which parameters there are has to be known"
            " before: name another parameter, or give it a value in place of valueFrom",
        )
        return
    possible = _possible(parent, spec)
    if possible is None:
        yield Problem(
            f"{field}.when.parameter",
            f"{parent.name} is a numeric range, of which single values are hardly ever met: name a categorical or"
            " Fixed parameter",
        )
        return
    for place, value in enumerate(when.values):
        if not any(same(value, choice) for choice in possible):
            choices = ", ".join(repr(choice) for choice in possible)
            yield Problem(
                f"{field}.when.in[{place}]", f"{parent.name} is never {value!r}, only {choices}: correct the value"
            )


def _possible(parent: Parameter, spec: TuningStudySpec) -> tuple[Scalar, ...] | None:
    """The values that a parameter may take over the rounds, or None where they cannot be counted."""
    overrides = tuple(stated(round_)[parent.name] for round_ in spec.rounds if parent.name in stated(round_))
    if parent.role is Role.FIXED:
        return (*overrides, parent.value) if parent.value is not None else overrides
    return (*parent.categorical.values, *overrides) if parent.categorical else None


def _circles(parameters: Sequence[Parameter]) -> Iterator[Problem]:
    parents: Mapping[str, str] = {p.name: p.when.parameter for p in parameters if p.when}
    for index, parameter in enumerate(parameters):
        chain = [parameter.name]
        while (parent := parents.get(chain[-1])) and parent not in chain:
            chain.append(parent)
        if parent == parameter.name and len(chain) > 1:
            circle = " needs ".join([*chain, parameter.name])
            yield Problem(f"spec.parameters[{index}].when", f"{circle}: break the circle by removing one when")
