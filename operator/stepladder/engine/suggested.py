"""Values that a round takes from the verdict of an earlier round's probe (`rounds[].parameters[].valueFrom`). Pure."""

from collections.abc import Mapping, Sequence

from stepladder.api.model import Scalar
from stepladder.api.study import Round, RoundValue, SuggestionSource, TuningStudySpec
from stepladder.engine.observed import TrialView
from stepladder.engine.ranking import round_verdict
from stepladder.engine.rounds import by_round


def resolved(spec: TuningStudySpec, trials: Sequence[TrialView]) -> TuningStudySpec:
    """The spec with the values that are known by now in their places.

    A round that has begun keeps the value that its trials have, though the probe should be measured again: values
    must not change within a round.
    """
    if not any(given.value_from for round_ in spec.rounds for given in round_.parameters):
        return spec
    there = by_round(trials)
    return spec.model_copy(update={"rounds": tuple(_resolved(round_, there) for round_ in spec.rounds)})


def unknown(round_: Round) -> tuple[tuple[str, SuggestionSource], ...]:
    """The parameters whose values a round has yet to be told, and by whom."""
    return tuple(
        (given.name, given.value_from) for given in round_.parameters if given.value is None and given.value_from
    )


def _resolved(round_: Round, there: Mapping[str, Sequence[TrialView]]) -> Round:
    begun = next((trial.parameters for trial in there.get(round_.name, ()) if not trial.added), {})

    def known(given: RoundValue) -> RoundValue:
        if given.value_from is None:
            return given
        value = begun.get(given.name, _suggested(given.value_from, there))
        return given.model_copy(update={"value": value})

    return round_.model_copy(update={"parameters": tuple(map(known, round_.parameters))})


def _suggested(source: SuggestionSource, there: Mapping[str, Sequence[TrialView]]) -> Scalar | None:
    """Verdicts hold floating-point numbers; a whole one becomes an int, as a batch size has to be."""
    verdict = round_verdict(there.get(source.round, ()))
    number = verdict.suggestions.get(source.suggestion) if verdict else None
    return int(number) if number is not None and number.is_integer() else number
