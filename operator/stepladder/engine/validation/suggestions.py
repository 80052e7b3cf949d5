"""Problems of the values that a round takes from the verdict of an earlier round's probe."""

from collections.abc import Iterator, Sequence

from stepladder.api.study import Round, RoundValue, SuggestionSource
from stepladder.engine.probes import SUGGESTIONS
from stepladder.engine.validation.problem import Problem


def suggestion_problems(round_: Round, field: str, earlier: Sequence[Round]) -> Iterator[Problem]:
    """Of one round; `earlier` are those before it."""
    for place, given in enumerate(round_.parameters):
        where = f"{field}.parameters[{place}]"
        if given.value_from is not None and given.value is not None:
            yield Problem(
                f"{where}.valueFrom", f"{given.name} has a value and a valueFrom, of which one can be: remove the other"
            )
        elif given.value_from is not None:
            yield from _source(given, given.value_from, round_, where, earlier)
        elif given.value is None:
            yield Problem(
                f"{where}.value",
                f"{given.name} has no value in this round: give one, or take it by valueFrom from a probe",
            )


def _source(
    given: RoundValue, source: SuggestionSource, round_: Round, where: str, earlier: Sequence[Round]
) -> Iterator[Problem]:
    found = next((each for each in earlier if each.name == source.round), None)
    if found is None:
        yield Problem(
            f"{where}.valueFrom.round",
            f"{source.round} does not come before {round_.name}: move it there, or name an earlier round",
        )
    elif found.probe is not None and source.suggestion not in SUGGESTIONS[found.probe.type]:
        known = ", ".join(sorted(SUGGESTIONS[found.probe.type]))
        yield Problem(
            f"{where}.valueFrom.suggestion",
            f"{found.probe.type} suggests no {source.suggestion}: name one of {known}, or give {given.name} a value",
        )
