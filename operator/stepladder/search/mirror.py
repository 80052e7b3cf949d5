"""One Optuna study, brought in line with what the Trials say. The Trials are the truth; the study is a copy of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import index as whole

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import NopPruner
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from stepladder.api.model import Scalar
from stepladder.api.study import Direction, Parameter, SamplerAlgorithm
from stepladder.api.trial import Outcome
from stepladder.search import samplers
from stepladder.search.history import History, Record
from stepladder.search.seeds import derive
from stepladder.search.space import Space

INFEASIBLE = "infeasible"
"""The constraint that an infeasible trial violates."""

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


@dataclass
class Mirror:
    """The study of one History. A call costs what is new, and all trials once after it was opened."""

    storage: BaseStorage
    name: str
    direction: Direction
    parameters: tuple[Parameter, ...]
    space: Space = field(init=False)
    _study_id: int = field(init=False)
    _unsettled: dict[int, Known] = field(init=False)  # by number; all others are final and as recorded
    _count: int = field(init=False)

    def __post_init__(self) -> None:
        self.space = Space(self.parameters)
        self._read()

    def align(self, records: Sequence[Record]) -> None:
        """Bring the study in line with `records`: record i is trial number i."""
        try:
            self._align(records)
        except Contradiction:
            self.storage.delete_study(self._study_id)
            self._read()
            self._align(records)

    def propose(self, algorithm: SamplerAlgorithm, seed: int, records: int, index: int) -> dict[str, Scalar]:
        """The configuration of trial `index`, which has no record yet. Earlier ones without are asked for first."""
        for number in range(records, index):
            self._ask(algorithm, seed, number)
        return self._ask(algorithm, seed, index)

    def _read(self) -> None:
        study = optuna.create_study(
            storage=self.storage,
            study_name=self.name,
            direction=_DIRECTIONS[self.direction],
            sampler=optuna.samplers.RandomSampler(),  # never used: each proposal brings its own
            pruner=NopPruner(),  # rungs are the engine's; HyperbandPruner would hide trials from the samplers
            load_if_exists=True,
        )
        self._study_id = self.storage.get_study_id_from_name(self.name)
        trials = study.get_trials(deepcopy=False)
        self._unsettled = {trial.number: self._known(trial) for trial in trials}
        self._count = len(trials)

    def _known(self, trial: FrozenTrial) -> Known:
        foreign = any(d != self._distributions.get(name) for name, d in trial.distributions.items())
        return Known(
            id=self.storage.get_trial_id_from_study_id_trial_number(self._study_id, trial.number),
            # WAITING, which nothing of ours writes, contradicts every record, as do distributions of another space.
            state=TrialState.WAITING if foreign else trial.state,
            parameters=dict(trial.params),
            steps=dict(trial.intermediate_values),
            value=trial.value,
            infeasible=bool(trial.constraints),
        )

    @property
    def _distributions(self) -> dict[str, BaseDistribution]:
        return {name: axis.distribution for name, axis in self.space.axes.items()}

    def _align(self, records: Sequence[Record]) -> None:
        if any(number not in self._unsettled for number in range(len(records), self._count)):
            raise Contradiction  # a trial that had ended has lost its record
        for number, known in list(self._unsettled.items()):
            if number >= len(records):
                if known.state is not TrialState.RUNNING:
                    raise Contradiction
            elif self._settle(known, records[number]):
                del self._unsettled[number]
        for record in records[self._count :]:
            self._append(record)

    def _settle(self, known: Known, record: Record) -> bool:
        """Bring one trial in line. Returns whether it is final."""
        end, wanted = ending(record), self.space.recorded(record.parameters)
        if known.state is not TrialState.RUNNING:
            if (known.state, known.value, known.infeasible, known.parameters) != (
                end.state,
                end.value,
                end.infeasible,
                wanted,
            ):
                raise Contradiction
            return True
        if not known.parameters.items() <= wanted.items():
            raise Contradiction
        for name in wanted.keys() - known.parameters.keys():  # an ask that a crash cut in two
            axis = self.space.axes[name]
            self.storage.set_trial_param(known.id, name, axis.internal(wanted[name]), axis.distribution)
            known.parameters[name] = wanted[name]
        for step, value in record.observations:
            if known.steps.get(step) != value:
                # Not Trial.report: it would keep the first value of a step, and truncate a fractional one.
                self.storage.set_trial_intermediate_value(known.id, whole(step), value)
                known.steps[step] = value
        if end.state is TrialState.RUNNING:
            return False
        if end.infeasible and not known.infeasible:
            self._trial(known.id).set_constraint(INFEASIBLE, 1.0)
            known.infeasible = True
        self.storage.set_trial_state_values(known.id, end.state, None if end.value is None else [end.value])
        return True

    def _append(self, record: Record) -> None:
        end, parameters = ending(record), self.space.recorded(record.parameters)
        template = optuna.trial.create_trial(
            state=end.state,
            value=end.value,
            params=parameters,
            distributions={name: self._distributions[name] for name in parameters},
            intermediate_values={whole(step): value for step, value in record.observations},
            constraints={INFEASIBLE: 1.0} if end.infeasible else None,
        )
        known = Known(self._create(template), end.state, parameters, dict(record.observations))
        if end.state is TrialState.RUNNING:
            self._unsettled[self._count] = known
        self._count += 1

    def _create(self, template: FrozenTrial | None = None) -> int:
        trial_id = self.storage.create_new_trial(self._study_id, template_trial=template)
        if self.storage.get_trial_id_from_study_id_trial_number(self._study_id, self._count) != trial_id:
            raise Contradiction  # somebody else has written, or the database has gone back in time
        return trial_id

    def _ask(self, algorithm: SamplerAlgorithm, seed: int, number: int) -> dict[str, Scalar]:
        if number == self._count:
            self._unsettled[number] = Known(self._create(), TrialState.RUNNING, {}, {})
            self._count += 1
        # A trial that is there already was asked for ahead of need, or before a crash: then it may need completing.
        known = self._unsettled[number]
        if known.proposal is None:
            sampler = samplers.make(algorithm, self.space, seed, number)
            known.proposal = self.space.suggest(self._trial(known.id, sampler))
            known.parameters = self.space.recorded(known.proposal)
        return dict(known.proposal)

    def _trial(self, trial_id: int, sampler: optuna.samplers.BaseSampler | None = None) -> optuna.Trial:
        # A study object of its own each time: Optuna's keeps a copy of all trials from one ask to the next.
        study = optuna.load_study(
            storage=self.storage,
            study_name=self.name,
            sampler=sampler or optuna.samplers.RandomSampler(),
            pruner=NopPruner(),
        )
        return optuna.Trial(study, trial_id)


def open_mirror(storage: BaseStorage, history: History) -> Mirror:
    """The study of `history`, made where there is none."""
    return Mirror(storage, history.name, history.direction, history.parameters)


def sampler_seed(history: History) -> int:
    """The seed of the round and setting: of the manifest's making, not of the object's (its UID has no part in it)."""
    return derive(history.seed, history.salt)
