"""The search space: scientific settings, conditional parameters, and what a round overrides."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from stepladder.api.model import Scalar
from stepladder.api.study import Parameter, Role, Round, TuningStudySpec, When


def same(a: Scalar, b: Scalar) -> bool:
    """Equality as JSON has it: 1 and 1.0 are one number, 1 and true are not."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def holds(when: When | None, values: Mapping[str, Scalar]) -> bool:
    """Whether a parameter with this condition exists beside `values`. A parent that does not exist itself is absent
    from `values`, hence conditions nest to any depth."""
    if when is None:
        return True
    value = values.get(when.parameter)
    return value is not None and any(same(value, choice) for choice in when.values)


def parents_first(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The parameters in an order in which each comes after the one its `when` names; otherwise as they were.

    Raises ValueError where conditions name each other in a circle, or a parameter that is not there.
    """
    placed: dict[str, Parameter] = {}
    waiting = list(parameters)
    while waiting:
        ready = [p for p in waiting if p.when is None or p.when.parameter in placed]
        if not ready:
            names = ", ".join(p.name for p in waiting)
            raise ValueError(f"parameters[].when of {names} can never hold: each waits for another; break the circle")
        placed |= {p.name: p for p in ready}
        waiting = [p for p in waiting if p.name not in placed]
    return tuple(placed.values())


def existing(parameters: Sequence[Parameter], values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """`values` without those whose condition does not hold. Names that are not in the space are kept."""
    conditional = {p.name for p in parameters if p.when is not None}
    kept = {name: value for name, value in values.items() if name not in conditional}
    for parameter in parents_first(parameters):
        if parameter.name in conditional and parameter.name in values and holds(parameter.when, kept):
            kept[parameter.name] = values[parameter.name]
    return {name: value for name, value in values.items() if name in kept}


def stated(round_: Round) -> dict[str, Scalar]:
    """The round's own values, but for those that a probe has yet to tell: until then the study's stand for them."""
    return {given.name: given.value for given in round_.parameters if given.value is not None}


def round_parameters(spec: TuningStudySpec, round_: Round) -> tuple[Parameter, ...]:
    """The study's parameters with the round's values fixed in their place; a name new to the study is added."""
    overrides = stated(round_)
    known = tuple(_fixed(p, overrides[p.name]) if p.name in overrides else p for p in spec.parameters)
    names = {p.name for p in known}
    added = tuple(Parameter(name=n, role=Role.FIXED, value=v) for n, v in overrides.items() if n not in names)
    return known + added


def settings(spec: TuningStudySpec, round_: Round) -> tuple[Mapping[str, Scalar], ...]:
    """Every combination of scientific values, each tuned and compared on its own; one empty one if there are none.

    At most as many as the round has configurations, since later ones would get none. A round that lists its
    configurations is one setting: its entries say the scientific values themselves.
    """
    if round_.sampler.explicit is not None:
        return ({},)
    return tuple(islice(_settings(round_parameters(spec, round_)), round_.proposals or 1))


def setting_parameters(spec: TuningStudySpec, round_: Round, setting: int) -> tuple[Parameter, ...]:
    """The space of one setting, counted as in `settings`: scientific parameters are fixed to its values, and those
    that its values rule out are gone. Where the round lists its configurations nothing is fixed or gone."""
    if round_.sampler.explicit is not None:
        return round_parameters(spec, round_)
    chosen = settings(spec, round_)[setting]
    return tuple(
        _fixed(p, chosen[p.name]) if p.role is Role.SCIENTIFIC else p
        for p in round_parameters(spec, round_)
        if p.role is not Role.SCIENTIFIC or p.name in chosen
    )


def override(spec: TuningStudySpec, round_: Round, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """A configuration of an earlier round as this round runs it: its own values win, then conditions apply. A value
    that was only for that round (a smaller model, less data) is the study's again.
    """
    passing = {fixed.name for earlier in spec.rounds for fixed in earlier.parameters}
    again = {p.name: p.value for p in spec.parameters if p.name in passing and p.value is not None}
    return existing(spec.parameters, {**values, **again, **stated(round_)})


def _settings(parameters: Sequence[Parameter]) -> Iterator[Mapping[str, Scalar]]:
    scientific = [p for p in parents_first(parameters) if p.role is Role.SCIENTIFIC and p.categorical is not None]
    fixed = {p.name: p.value for p in parameters if p.role is Role.FIXED and p.value is not None}
    open_names = {p.name for p in parameters if p.role is Role.NUISANCE}
    seen: set[str] = set()
    for values in product(*(p.categorical.values for p in scientific if p.categorical is not None)):
        combination: dict[str, Scalar] = {}
        for parameter, value in zip(scientific, values, strict=True):
            undecided = parameter.when is not None and parameter.when.parameter in open_names
            if undecided or holds(parameter.when, {**fixed, **combination}):
                combination[parameter.name] = value
        if (key := repr(combination)) not in seen:
            seen.add(key)
            yield combination


def _fixed(parameter: Parameter, value: Scalar) -> Parameter:
    return Parameter(name=parameter.name, role=Role.FIXED, value=value, when=parameter.when)
