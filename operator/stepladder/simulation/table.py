"""A table of curves as a study sees it: which configurations each round and scientific setting may choose from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepladder.api.model import Scalar
from stepladder.api.study import Parameter, Role, Round, TuningStudySpec
from stepladder.engine.rounds import layout
from stepladder.engine.space import holds, parents_first, same, setting_parameters, settings
from stepladder.search.axis import Axis
from stepladder.search.space import Space
from stepladder.simulation.curves import Curve, Refused

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """One configuration of the table, as far as the study knows its parameters, and how it went."""

    given: Mapping[str, Scalar]
    curve: Curve


@dataclass(frozen=True)
class Entry:
    """A row as a trial of one round and setting: with all parameters that the trial would have."""

    parameters: Mapping[str, Scalar]
    curve: Curve


def key(parameters: Mapping[str, Scalar]) -> Key:
    """Equal for configurations that are the same as JSON has it: 1 and 1.0 are one number, 1 and true are not."""
    return tuple(sorted((name, _canonical(value)) for name, value in parameters.items()))


class Table:
    """The curves of a file, checked against the study. Raises Refused with the file and the line."""

    def __init__(self, name: str, curves: Sequence[Curve], spec: TuningStudySpec) -> None:
        self._name = name
        self._rows: list[Row] = []
        overridden = {fixed.name for round_ in spec.rounds for fixed in round_.parameters}
        known: dict[Key, int] = {}
        for curve in curves:
            row = Row(self._given(curve, spec.parameters, overridden), curve)
            twin = known.setdefault(key(row.given), curve.line)
            if twin != curve.line:
                raise self._refusal(curve, f"has the configuration of line {twin} again: remove one of them")
            self._rows.append(row)
        for round_ in spec.rounds:
            self._check_length(spec, round_)

    def entries(self, spec: TuningStudySpec, round_: Round, setting: int) -> tuple[Entry, ...]:
        """What a round may choose from for one setting: the rows that agree with every value that is fixed there.

        Raises Refused if there is none.
        """
        space = Space(setting_parameters(spec, round_, setting))
        found = tuple(
            Entry(parameters, row.curve)
            for row in self._rows
            if (parameters := _resolved(space, row.given)) is not None
        )
        if not found:
            fixed = {p.name: p.value for p in space.parameters if p.value is not None}
            values = ", ".join(f"{name}={value}" for name, value in fixed.items() if _differs(name, value, self._rows))
            raise Refused(
                f"{self._name}: no configuration has {values or 'the parameters'}, which round {round_.name} fixes:"
                " add curves for it, or leave it out of the study"
            )
        return found

    def find(self, parameters: Mapping[str, Scalar]) -> Curve | None:
        """The curve of the row whose every value is that of `parameters`, if there is one."""
        return next((row.curve for row in self._rows if _agrees(row.given, parameters)), None)

    def best(self, spec: TuningStudySpec, steps: int) -> float:
        """The best objective of all curves within so many steps. Raises Refused if all have diverged before any."""
        within = [value for row in self._rows for value in row.curve.values[: row.curve.count(steps)]]
        if not within:
            raise Refused(f"{self._name}: every curve has diverged before its first value: nothing can be found")
        return min(within) if spec.objective.direction == "Minimize" else max(within)

    def _given(self, curve: Curve, parameters: Sequence[Parameter], overridden: set[str]) -> dict[str, Scalar]:
        """The row's values in the parameters' own types. Those of parameters that do not exist beside them go."""
        conditions = {p.when.parameter for p in parameters if p.when is not None}
        unknown = curve.parameters.keys() - {p.name for p in parameters} - overridden
        if unknown:
            names = ", ".join(sorted(unknown))
            raise self._refusal(
                curve, f"gives {names}, which the study's spec.parameters do not have: add it there, or remove it"
            )
        chosen: dict[str, Scalar] = {}
        given = {name: value for name, value in curve.parameters.items() if name in overridden}
        for p in parents_first(parameters):
            if not holds(p.when, chosen):
                continue
            value = curve.parameters.get(p.name)
            if value is None:
                if p.value is not None:
                    chosen[p.name] = p.value
                elif p.role is not Role.SCIENTIFIC or p.name in conditions:
                    raise self._refusal(curve, f"parameters.{p.name} is missing: give the value that was trained with")
                continue
            if p.value is None:
                recorded = Axis(p).recorded(value)
                if recorded is None:
                    raise self._refusal(
                        curve,
                        f"parameters.{p.name} is {value}, outside of the study's range: widen the range, or remove"
                        " the line",
                    )
                value = recorded
            chosen[p.name] = given[p.name] = value
        return given

    def _check_length(self, spec: TuningStudySpec, round_: Round) -> None:
        """Every curve must tell how a trial of the round goes, from its lowest rung to its horizon."""
        count = len(settings(spec, round_)) if round_.from_ is None else 1
        ladders = layout(round_, count, round_.proposals or (round_.from_.best if round_.from_ else 1)).ladders
        lowest = min(ladder.rungs[0] for ladder in ladders)
        for row in self._rows:
            curve = row.curve
            if curve.diverged is not None and curve.diverged <= lowest:
                continue
            if curve.at(lowest) is None:
                raise self._refusal(
                    curve,
                    f"is first evaluated at step {min(curve.steps, default=curve.diverged)}, after the lowest rung"
                    f" {lowest} of round {round_.name}: raise its pruner.minSteps",
                )
            if curve.diverged is None and curve.steps[-1] < round_.max_steps:
                raise self._refusal(
                    curve,
                    f"ends at step {curve.steps[-1]}, before maxSteps {round_.max_steps} of round {round_.name}:"
                    " lower maxSteps, or record longer curves",
                )

    def _refusal(self, curve: Curve, sentence: str) -> Refused:
        return Refused(f"{self._name}:{curve.line}: {sentence}")


def _resolved(space: Space, given: Mapping[str, Scalar]) -> dict[str, Scalar] | None:
    """The configuration of a row in this space; None if it has another value where the space has a fixed one."""
    chosen: dict[str, Scalar] = {}
    for parameter in space.parameters:
        if holds(parameter.when, chosen):
            value = given.get(parameter.name, parameter.value)
            if value is None or (parameter.value is not None and not same(value, parameter.value)):
                return None
            chosen[parameter.name] = value
    return chosen


def _agrees(given: Mapping[str, Scalar], parameters: Mapping[str, Scalar]) -> bool:
    return all(name in parameters and same(value, parameters[name]) for name, value in given.items())


def _differs(name: str, value: Scalar | None, rows: Sequence[Row]) -> bool:
    return value is not None and any(name in row.given and not same(row.given[name], value) for row in rows)


def _canonical(value: Scalar) -> str:
    """Text that is equal for values that are the same."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(float(value))
    return repr(value)
