"""Earlier studies as a beginning: their best configurations are proposed first, their results are evidence. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stepladder.api.model import Scalar
from stepladder.api.study import TuningStudySpec
from stepladder.engine.observed import TrialView
from stepladder.engine.ranking import best_configurations
from stepladder.search.axis import Axis
from stepladder.search.history import History, Record
from stepladder.search.space import Space


@dataclass(frozen=True)
class Source:
    """A study that has finished, and how many of its best configurations are wanted."""

    spec: TuningStudySpec
    trials: Sequence[TrialView]
    best: int
    name: str = ""


def informed(history: History, spec: TuningStudySpec, sources: Iterable[Source]) -> History:
    """The history with what the sources teach.

    Their results are evidence only where they measured what this study measures, by metric and direction. Their
    configurations are tried all the same.
    """
    sources = tuple(sources)
    if not sources:
        return history
    space = Space(history.parameters)
    first: list[dict[str, Scalar]] = []
    for source in sources:
        for parameters in best_of(source):
            if (projected := _projected(space, parameters)) and projected not in first:
                first.append(projected)
    measured = (s for s in sources if _measures(s.spec) == _measures(spec))
    priors = [
        Record(trial.parameters, trial.curve, trial.outcome)
        for source in measured
        for trial in source.trials
        if trial.repeat == 0
    ]
    return replace(history, first=tuple(first), priors=(*priors, *history.priors))


def _measures(spec: TuningStudySpec) -> tuple[str, str]:
    return spec.objective.metric, spec.objective.direction


def best_of(source: Source) -> list[Mapping[str, Scalar]]:
    """Best first: those of the last round, which retrained the best of the others, then those of the rounds before."""
    found: list[Mapping[str, Scalar]] = []
    for round_ in reversed(source.spec.rounds):
        of_round = [trial for trial in source.trials if trial.round == round_.name]
        for configuration in best_configurations(source.spec.objective.direction, of_round, source.best):
            if configuration.runs[0].parameters not in found:
                found.append(configuration.runs[0].parameters)
    return found[: source.best]


def _projected(space: Space, parameters: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """What a configuration says of this space: names that it does not have are dropped, numbers beyond a range become
    its end, and what is missing or no choice is left to be proposed."""

    def values() -> Iterator[tuple[str, Scalar]]:
        for name, axis in space.axes.items():
            if name in parameters and (value := _nearest(axis, parameters[name])) is not None:
                yield name, value

    return dict(values())


def _nearest(axis: Axis, value: Scalar) -> Scalar | None:
    if axis.choices is not None or isinstance(value, bool | str):
        return axis.recorded(value)
    inside = min(max(value, axis.numeric.low), axis.numeric.high)
    known = axis.recorded(inside)
    return axis.value(axis.uniform(inside)) if known is None else known
