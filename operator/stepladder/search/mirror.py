"""One Optuna study, brought in line with what the Trials say. The Trials are the truth; the study is a copy of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index as whole

import optuna
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from stepladder.api.model import Scalar
from stepladder.api.study import Direction
from stepladder.api.trial import Outcome
from stepladder.search import samplers
from stepladder.search.history import History, Record
from stepladder.search.priors import InformedStudy, complete, numbered
from stepladder.search.seeds import derive
from stepladder.search.space import Space

INFEASIBLE = "infeasible"
"""The constraint that an infeasible trial violates."""

_NO_SAMPLER = RandomSampler()  # never asked: each proposal brings its own
_NO_PRUNER = NopPruner()  # rungs are the engine's; Optuna's HyperbandPruner would hide trials from the samplers
_DIRECTIONS = {Direction.MINIMIZE: StudyDirection.MINIMIZE, Direction.MAXIMIZE: StudyDirection.MAXIMIZE}


class Contradiction(Exception):
    """The study holds something that no write can bring in line with the records: it has to be made anew."""


@dataclass
class Known:
    """What this process knows the study to hold about one trial that it has not yet seen to be final."""

    id: int
    state: TrialState
    parameters: dict[str, Scalar]
    steps: dict[int, float]
    value: float | None = None
    infeasible: bool = False
    proposal: dict[str, Scalar] | None = None  # what was answered when it was asked for


@dataclass(frozen=True)
class Ending:
    """How a record's end is told to Optuna."""

    state: TrialState
    value: float | None = None
    infeasible: bool = False


def ending(record: Record) -> Ending:
    """How a record ends in Optuna.

    - On its way, paused included: RUNNING, so that samplers do not propose its neighbourhood again.
    - Completed: COMPLETE with the last value.
    - Pruned, Stopped: PRUNED with the last value, as `Study.tell` has it; samplers rank it below those that went on.
    - Infeasible: PRUNED without a value and with a violated constraint. TPE then puts it with the bad, our Gaussian
      process learns where it lies, and it cannot become `best_trial`. Not FAIL: every sampler of Optuna's ignores
      that. Not a large number: it would bend the model of the feasible ones.
    - Failed, and Completed without any observation: FAIL, of which samplers learn nothing.
    """
    last = record.observations[-1][1] if record.observations else None
    match record.outcome:
        case None:
            return Ending(TrialState.RUNNING)
        case Outcome.COMPLETED if last is not None:
            return Ending(TrialState.COMPLETE, last)
        case Outcome.PRUNED | Outcome.STOPPED:
            return Ending(TrialState.PRUNED, last)
        case Outcome.INFEASIBLE:
            return Ending(TrialState.PRUNED, infeasible=True)
        case _:
            return Ending(TrialState.FAIL)


Gist = tuple[Outcome | None, tuple[tuple[int, float], ...], Mapping[str, Scalar]]
"""What of a record that has ended would make its trial another one."""


class Mirror:
    """The study of one History. A call costs what is new, and all trials once after it was opened."""

    def __init__(self, storage: BaseStorage, history: History) -> None:
        self.parameters = history.parameters
        self._space = Space(history.parameters)
        self._distributions = {name: axis.distribution for name, axis in self._space.axes.items()}
        self._storage = storage
        self._overwrites = isinstance(storage, InMemoryStorage)  # a database takes a trial's parameter once
        self._name = history.name
        self._direction = _DIRECTIONS[history.direction]
        self._priors: Sequence[FrozenTrial] = ()
        self._settled: dict[int, Gist] = {}  # by number: final, and as recorded
        self._unsettled: dict[int, Known] = {}  # by number: the others
        self._read()

    def align(self, records: Sequence[Record]) -> None:
        """Bring the study in line with `records`: record i is trial number i."""
        try:
            self._align(records)
        except Contradiction:
            self._storage.delete_study(self._study_id)
            self._read()
            self._align(records)

    def propose(self, history: History, index: int) -> dict[str, Scalar]:
        """The configuration of trial `index`, which has no record yet. Earlier ones without are asked for first."""
        # The seed is of the manifest's making, not of the object's: the study's name with its UID has no part in it.
        seed = derive(history.seed, history.salt)
        self._priors = numbered([self._template(r) for r in history.priors if complete(self._space, r)])
        request = samplers.Request(
            space=self._space,
            seed=seed,
            index=index,
            settings=history.sampler,
            planned=history.planned,
            rungs=history.rungs,
            candidates=history.candidates,
            first=history.first,
        )
        for number in range(len(history.records), index):
            self._ask(replace(request, index=number))
        return self._ask(request)

    def study(self, sampler: BaseSampler = _NO_SAMPLER) -> optuna.Study:
        """Optuna's view of the study."""
        return optuna.load_study(study_name=self._name, storage=self._storage, sampler=sampler, pruner=_NO_PRUNER)

    def _read(self) -> None:
        study = optuna.create_study(
            storage=self._storage,
            study_name=self._name,
            direction=self._direction,
            sampler=_NO_SAMPLER,
            pruner=_NO_PRUNER,
            load_if_exists=True,
        )
        self._study_id = self._storage.get_study_id_from_name(self._name)
        trials = study.get_trials(deepcopy=False)
        self._unsettled = {trial.number: self._known(trial) for trial in trials}
        self._settled.clear()
        self._count = len(trials)

    def _known(self, trial: FrozenTrial) -> Known:
        foreign = any(d != self._distributions.get(name) for name, d in trial.distributions.items())
        return Known(
            id=self._storage.get_trial_id_from_study_id_trial_number(self._study_id, trial.number),
            # WAITING, which nothing of ours writes, contradicts every record, as do distributions of another space.
            state=TrialState.WAITING if foreign else trial.state,
            parameters=dict(trial.params),
            steps=dict(trial.intermediate_values),
            value=trial.value,
            infeasible=bool(trial.constraints),
        )

    def _align(self, records: Sequence[Record]) -> None:
        for number, gist in self._settled.items():
            if number >= len(records) or _gist(records[number]) != gist:
                raise Contradiction  # somebody has deleted a Trial that had ended
        for number, known in list(self._unsettled.items()):
            if number >= len(records):
                if known.state is not TrialState.RUNNING:
                    raise Contradiction
            elif self._settle(known, records[number]):
                del self._unsettled[number]
                self._settled[number] = _gist(records[number])
        for record in records[self._count :]:
            self._append(record)

    def _settle(self, known: Known, record: Record) -> bool:
        """Bring one trial in line. Returns whether it is final."""
        end, wanted = ending(record), self._space.recorded(record.parameters)
        if known.state is not TrialState.RUNNING:
            if (known.state, known.value, known.infeasible, known.parameters) != (
                end.state,
                end.value,
                end.infeasible,
                wanted,
            ):
                raise Contradiction
            return True
        if known.infeasible and not end.infeasible:
            raise Contradiction
        mistaken = known.parameters.items() - wanted.items()  # another configuration was trained than was proposed
        if mistaken and not (self._overwrites and known.parameters.keys() <= wanted.keys()):
            raise Contradiction
        for name, value in wanted.items() - known.parameters.items():  # those too that a crash kept from being asked
            axis = self._space.axes[name]
            self._storage.set_trial_param(known.id, name, axis.internal(value), axis.distribution)
            known.parameters[name] = value
        for step, value in record.observations:
            if known.steps.get(step) != value:
                # Not Trial.report: it would keep the first value of a step, and truncate a fractional one.
                self._storage.set_trial_intermediate_value(known.id, whole(step), value)
                known.steps[step] = value
        if end.state is TrialState.RUNNING:
            return False
        if end.infeasible and not known.infeasible:
            self._trial(known.id).set_constraint(INFEASIBLE, 1.0)
            known.infeasible = True
        self._storage.set_trial_state_values(known.id, end.state, None if end.value is None else [end.value])
        return True

    def _append(self, record: Record) -> None:
        template = self._template(record)
        known = Known(self._create(template), template.state, dict(template.params), dict(record.observations))
        if template.state is TrialState.RUNNING:
            self._unsettled[self._count] = known
        else:
            self._settled[self._count] = _gist(record)
        self._count += 1

    def _template(self, record: Record) -> FrozenTrial:
        end, parameters = ending(record), self._space.recorded(record.parameters)
        return optuna.trial.create_trial(
            state=end.state,
            value=end.value,
            params=parameters,
            distributions={name: self._distributions[name] for name in parameters},
            intermediate_values={whole(step): value for step, value in record.observations},
            constraints={INFEASIBLE: 1.0} if end.infeasible else None,
        )

    def _create(self, template: FrozenTrial | None = None) -> int:
        trial_id = self._storage.create_new_trial(self._study_id, template_trial=template)
        if self._storage.get_trial_id_from_study_id_trial_number(self._study_id, self._count) != trial_id:
            raise Contradiction  # somebody else has written, or the database has gone back in time
        return trial_id

    def _ask(self, request: samplers.Request) -> dict[str, Scalar]:
        number = request.index
        if number == self._count:
            self._unsettled[number] = Known(self._create(), TrialState.RUNNING, {}, {})
            self._count += 1
        # A trial that is there already was asked for ahead of need, or before a crash: then it may need completing.
        known = self._unsettled[number]
        if known.proposal is None:
            sampler = samplers.make(request)
            known.proposal = self._space.suggest(self._trial(known.id, sampler))
            known.parameters = self._space.recorded(known.proposal)
        return dict(known.proposal)

    def _trial(self, trial_id: int, sampler: BaseSampler = _NO_SAMPLER) -> optuna.Trial:
        # A study object of its own each time: Optuna's keeps a copy of all trials from one ask to the next.
        study = InformedStudy(self._name, self._storage, sampler, _NO_PRUNER)
        study.priors = self._priors
        return optuna.Trial(study, trial_id)


def _gist(record: Record) -> Gist:
    return record.outcome, record.observations[-1:], record.parameters
