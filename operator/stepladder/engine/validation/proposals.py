"""Problems of what a round's sampler is told to propose: grids that are too small, configurations that cannot be."""

from collections.abc import Iterator, Mapping, Sequence

from stepladder.api.model import Scalar
from stepladder.api.samplers import GridSettings, OneAtATimeSettings, SamplerAlgorithm
from stepladder.api.study import IntRange, Parameter, Role, Round, TuningStudySpec
from stepladder.engine import opt_list
from stepladder.engine.extents import ends
from stepladder.engine.grid import cells
from stepladder.engine.sensitivity import design_size
from stepladder.engine.space import holds, parents_first, round_parameters, same, setting_parameters, settings
from stepladder.engine.validation.problem import Problem


def proposal_problems(spec: TuningStudySpec, round_: Round, field: str) -> Iterator[Problem]:
    """Of one round's sampler. Nothing where the space itself is not sound, which is told elsewhere."""
    try:
        parameters = round_parameters(spec, round_)
        parents_first(parameters)
    except ValueError:
        return
    if any(p.value is None and p.role is Role.FIXED for p in parameters) or round_.from_ is not None:
        return
    sampler = round_.sampler
    match sampler.algorithm:
        case SamplerAlgorithm.GRID:
            points = (sampler.grid or GridSettings()).points
            sizes = [cells(setting_parameters(spec, round_, s), points) for s in range(len(settings(spec, round_)))]
            yield from _exhausted(round_, f"{field}.trials", "the grid", "cells", sizes)
        case SamplerAlgorithm.ONE_AT_A_TIME:
            given = sampler.one_at_a_time or OneAtATimeSettings()
            baseline = {entry.name: entry.value for entry in given.baseline}
            wrong = tuple(_entry(parameters, baseline, f"{field}.sampler.oneAtATime.baseline", complete=False))
            yield from wrong
            if not wrong:
                spaces = [setting_parameters(spec, round_, s) for s in range(len(settings(spec, round_)))]
                designs = [design_size(space, given) for space in spaces]
                yield from _exhausted(round_, f"{field}.trials", "one at a time", "configurations", designs)
        case SamplerAlgorithm.EXPLICIT if sampler.explicit is not None:
            for place, entry in enumerate(sampler.explicit.configurations):
                where = f"{field}.sampler.explicit.configurations[{place}]"
                yield from _entry(parameters, entry, where, complete=True)
        case SamplerAlgorithm.OPT_LIST:
            yield from _unlisted(parameters, f"{field}.sampler.algorithm")


def _exhausted(round_: Round, field: str, what: str, unit: str, sizes: Sequence[int]) -> Iterator[Problem]:
    """Where a setting is dealt more trials than there are configurations; trials are dealt to the settings in turn."""
    dealt = [len(range(setting, round_.proposals, len(sizes))) for setting in range(len(sizes))]
    if all(size >= trials for size, trials in zip(sizes, dealt, strict=True)):
        return
    enough = min(size * len(sizes) + setting for setting, size in enumerate(sizes))
    of_each = f"{min(sizes)} {unit} for each scientific setting" if len(sizes) > 1 else f"{sizes[0]} {unit}"
    yield Problem(
        field,
        f"{what} has {of_each}, and {round_.proposals} trials would run some of them again: give at most {enough}",
    )


def _unlisted(parameters: Sequence[Parameter], field: str) -> Iterator[Problem]:
    """What OptList sets and the study does not search as widely."""
    searched = {p.name: p for p in parameters if p.value is None and p.role is not Role.SCIENTIFIC and p.when is None}
    reach: Mapping[str, Sequence[Scalar]] = {"optimizer": opt_list.OPTIMIZERS, **opt_list.REACH}
    lacking = [n for n in reach if n not in searched or any(_outside(searched[n], value) for value in reach[n])]
    if lacking:
        yield Problem(
            field,
            f"OptList sets {', '.join(lacking)}, for which this study leaves no room: add presets: [OptList], and leave"
            " them out of parameters",
        )


def _entry(
    parameters: Sequence[Parameter], values: Mapping[str, Scalar], field: str, *, complete: bool
) -> Iterator[Problem]:
    """Of one configuration. Unless it has to be complete, what it does not say is left to its default."""
    ordered = parents_first(parameters)
    searched = {p.name for p in parameters if p.value is None and (complete or p.role is not Role.SCIENTIFIC)}
    for name in values:
        if name not in searched:
            known = any(p.name == name for p in parameters)
            why = "has one value in this round already" if known else "is no parameter of this study"
            yield Problem(f"{field}.{name}", f"{name} {why}: remove it, or correct the name")
    chosen: dict[str, Scalar] = {}
    for parameter in ordered:
        name = parameter.name
        if not holds(parameter.when, chosen):
            if name in values and parameter.when is not None:
                parent = parameter.when.parameter
                beside = f"{parent} is {chosen[parent]!r}" if parent in chosen else f"{parent} is not there either"
                yield Problem(f"{field}.{name}", f"{name} does not exist where {beside}: remove it")
        elif parameter.value is not None:
            chosen[name] = parameter.value
        elif name in values:
            chosen[name] = values[name]
            if why := _outside(parameter, values[name]):
                yield Problem(f"{field}.{name}", f"{name} is {values[name]!r}, {why}")
        elif complete:
            yield Problem(field, f"{name} is missing, which has no value of its own: give one")
        elif parameter.categorical:
            chosen[name] = parameter.categorical.values[0]
        else:
            chosen[name] = 0


def _outside(parameter: Parameter, value: Scalar) -> str:
    """Why this is no value of the parameter, and what to do; empty if it is one."""
    if parameter.categorical is not None:
        choices = parameter.categorical.values
        listed = ", ".join(map(repr, choices))
        return "" if any(same(value, choice) for choice in choices) else f"not one of {listed}: name one of these"
    numbers = parameter.float_ or parameter.int_ or parameter.normal or parameter.log_normal
    if numbers is None:
        return ""
    if isinstance(value, bool | str):
        return "which is no number: give one"
    low, high = (numbers.min, numbers.max) if isinstance(numbers, IntRange) else ends(numbers)
    if not low <= value <= high:
        return f"outside {low:g} to {high:g}: correct it, or widen the range"
    if parameter.int_ is not None and value != int(value):
        return "which is not whole: round it"
    step = next((given.step for given in (parameter.float_, parameter.int_) if given is not None), None)
    if step is not None and abs((count := (value - low) / step) - round(count)) > 1e-8:
        return f"not {low:g} plus a multiple of the step {step:g}: round it"
    return ""
