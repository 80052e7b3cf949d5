"""From a study's trials to what each sampler may know: one history per round and scientific setting. Pure."""

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from stepladder.api.model import Scalar
from stepladder.api.study import Round, TuningStudySpec
from stepladder.api.trial import Outcome
from stepladder.engine.actions import Ask
from stepladder.engine.groups import REMEMBERED, in_groups
from stepladder.engine.observed import TrialView
from stepladder.engine.rounds import layout
from stepladder.engine.space import same, setting_parameters, settings
from stepladder.search.history import History, Record

# Stands where a trial should be that someone has deleted, so that the others keep their numbers.
DELETED = Record(parameters={}, outcome=Outcome.FAILED)


def histories(study: str, spec: TuningStudySpec, trials: Sequence[TrialView]) -> Iterator[History]:
    """The histories of all rounds that have trials. `study` names the study in the storage."""
    begun = {trial.round for trial in trials}
    for round_ in spec.rounds:
        for setting in range(len(settings(spec, round_)) if round_.name in begun else 0):
            yield history(study, spec, round_, setting, trials)


def asked(study: str, spec: TuningStudySpec, ask: Ask, trials: Sequence[TrialView]) -> History:
    """The history from which a proposal follows: what came before it, whatever is there after it."""
    round_ = next(r for r in spec.rounds if r.name == ask.round)
    found = history(study, spec, round_, ask.setting, trials)
    # A trial that someone deleted is proposed again from what came before it.
    return replace(found, records=found.records[: ask.index])


def history(study: str, spec: TuningStudySpec, round_: Round, setting: int, trials: Sequence[TrialView]) -> History:
    """The history of one round and setting. Repeats of a configuration are one record, that of the first."""
    count = len(settings(spec, round_))
    records: dict[int, Record] = {}
    for group in in_groups(trials):
        records |= _records(group).get(round_.name, {})
    last = max((configuration for configuration in records if configuration % count == setting), default=-1)
    return History(
        name=f"{study}/{round_.name}/{setting}",
        direction=spec.objective.direction,
        parameters=setting_parameters(spec, round_, setting),
        sampler=round_.sampler,
        planned=len(range(setting, round_.proposals, count)),
        rungs=_rungs(round_, count),
        seed=spec.seed,
        salt=f"{round_.name}/{setting}",
        priors=_added(round_, settings(spec, round_)[setting], trials),
        records=tuple(records.get(configuration, DELETED) for configuration in range(setting, last + 1, count)),
    )


@lru_cache(maxsize=64)
def _rungs(round_: Round, settings: int) -> tuple[int, ...]:
    ladders = layout(round_, settings, round_.proposals).ladders
    return tuple(sorted({rung for ladder in ladders for rung in ladder.rungs}))


def _added(round_: Round, setting: Mapping[str, Scalar], trials: Sequence[TrialView]) -> tuple[Record, ...]:
    """The trials that people added to a round and scientific setting: those that have its values."""
    first = bisect(trials, 0, key=lambda trial: trial.added)
    return tuple(
        _record(trial)
        for trial in trials[first:]
        if trial.round == round_.name and all(same(trial.parameters.get(n, ""), v) for n, v in setting.items())
    )


def _record(trial: TrialView) -> Record:
    return Record(parameters=trial.parameters, observations=trial.curve, outcome=trial.outcome)


@lru_cache(maxsize=REMEMBERED)
def _records(trials: tuple[TrialView, ...]) -> Mapping[str, Mapping[int, Record]]:
    """By round and configuration. The same objects for the same views, so that histories are soon compared."""
    found: dict[str, dict[int, Record]] = {}
    for trial in trials:
        if trial.repeat == 0 and not trial.added:
            record = _record(trial)
            found.setdefault(trial.round, {})[trial.configuration] = record
    return found
