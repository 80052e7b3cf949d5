"""The size of a search space: which parameters exist together, in what share of the proposals, and how far they reach.

Parameters form trees, each below the one that its `when` names. A branch is one set of tuned parameters that exist
together; uniform proposals fall on it by the shares of the choices that lead there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod

from stepladder.api.model import Scalar
from stepladder.api.study import Parameter, Round, TuningStudySpec
from stepladder.engine.extents import extent
from stepladder.engine.space import holds, parents_first, setting_parameters, settings

MOST = 64
"""More branches or scientific settings than this are not looked at one by one."""


@dataclass(frozen=True)
class Branch:
    """Parameters that exist together."""

    conditions: tuple[tuple[str, tuple[Scalar, ...]], ...] = ()  # the choices that lead here
    tuned: tuple[str, ...] = ()  # dimensions: what takes more than one value here
    share: float = 1.0  # of uniform proposals
    configurations: int | None = 1  # None: a continuum
    decades: float = 0.0  # powers of ten, over all logarithmic parameters

    def density(self, trials: int) -> float:
        """How many values of each parameter a grid of as many trials as fall on this branch would have."""
        return float((trials * self.share) ** (1 / len(self.tuned))) if self.tuned else float(trials)


@dataclass(frozen=True)
class Setting:
    """One scientific setting of a round: a search of its own."""

    number: int
    trials: int  # configurations that it is dealt
    branches: tuple[Branch, ...]


def settings_of(spec: TuningStudySpec, round_: Round) -> tuple[Setting, ...]:
    """The first `MOST` settings of a round that proposes. Raises ValueError for circular conditions."""
    count = len(settings(spec, round_))
    return tuple(
        Setting(number, len(range(number, round_.proposals, count)), branches(setting_parameters(spec, round_, number)))
        for number in range(min(count, MOST))
    )


def branches(parameters: Sequence[Parameter]) -> tuple[Branch, ...]:
    """The branches of a space, at most `MOST` of them."""
    below: dict[str | None, list[Parameter]] = {}
    for parameter in parents_first(parameters):
        below.setdefault(parameter.when.parameter if parameter.when else None, []).append(parameter)

    def together(siblings: Sequence[Parameter]) -> tuple[Branch, ...]:
        every = product(*(alternatives(parameter) for parameter in siblings))
        return tuple(_joined(parts) for parts in islice(every, MOST))

    def alternatives(parameter: Parameter) -> tuple[Branch, ...]:
        children = below.get(parameter.name, [])
        if parameter.value is not None:
            return together([c for c in children if holds(c.when, {parameter.name: parameter.value})])
        if parameter.categorical is None:
            return (_alone(parameter),)
        choices = parameter.categorical.values
        groups: dict[tuple[str, ...], list[Scalar]] = {}
        for choice in choices:
            led = tuple(c.name for c in children if holds(c.when, {parameter.name: choice}))
            groups.setdefault(led, []).append(choice)
        return tuple(
            _joined((_chosen(parameter, group, len(groups) > 1, len(choices)), branch))
            for led, group in groups.items()
            for branch in together([c for c in children if c.name in led])
        )[:MOST]

    return together(below.get(None, []))


def _alone(parameter: Parameter) -> Branch:
    reach = extent(parameter)
    return Branch(tuned=(parameter.name,), configurations=reach.values, decades=reach.decades or 0.0)


def _chosen(parameter: Parameter, group: Sequence[Scalar], branching: bool, choices: int) -> Branch:  # noqa: FBT001  of one caller
    return Branch(
        conditions=((parameter.name, tuple(group)),) if branching else (),
        tuned=(parameter.name,) if len(group) > 1 else (),
        share=len(group) / choices,
        configurations=len(group),
    )


def _joined(parts: Sequence[Branch]) -> Branch:
    counts = [part.configurations for part in parts]
    finite = [count for count in counts if count is not None]
    return Branch(
        conditions=tuple(condition for part in parts for condition in part.conditions),
        tuned=tuple(name for part in parts for name in part.tuned),
        share=prod(part.share for part in parts),
        configurations=prod(finite) if len(finite) == len(counts) else None,
        decades=sum(part.decades for part in parts),
    )
