"""Where a study stands, for the display and the report. Pure: from objects to a frozen view."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from stepladder.api.conditions import ConditionType, find, is_true
from stepladder.api.study import Round, TuningStudySpec, TuningStudyStatus
from stepladder.api.trial import Outcome, TrialStatus
from stepladder.control.store import Object
from stepladder.control.study_status import planned_trials
from stepladder.control.trial_view import trial_view
from stepladder.engine import probes, reading, space
from stepladder.engine.ladder import Ladder
from stepladder.engine.observed import TrialView
from stepladder.engine.ranking import full_training_steps, incumbent
from stepladder.engine.rounds import layout
from stepladder.local.time_left import Work


@dataclass(frozen=True)
class Rung:
    """How many trials of the round have been trained to the rung."""

    steps: int
    reached: int


@dataclass(frozen=True)
class Failure:
    """Why trials have failed: one reason, and the first trial that had it."""

    message: str
    trials: int
    first: str
    pod: str | None  # the last one of the first trial, which its log is named after


@dataclass(frozen=True)
class Snapshot:
    """The study and its trials at one moment."""

    name: str
    spec: TuningStudySpec
    status: TuningStudyStatus
    trials: tuple[TrialView, ...]
    done: Work  # what trainers have reported
    failures: tuple[Failure, ...] = ()  # the most frequent first

    @property
    def verdict(self) -> bool | None:
        """Whether the study has succeeded; None while it is not over."""
        found = find(self.status.conditions, ConditionType.SUCCEEDED)
        return None if found is None or found.status == "Unknown" else found.status == "True"

    @property
    def message(self) -> str:
        """How the study ended, or what is wrong with it, in a sentence; empty if it goes well."""
        if self.verdict is not None:
            return self._message(ConditionType.SUCCEEDED)
        accepted = find(self.status.conditions, ConditionType.ACCEPTED)
        if accepted is not None and accepted.status == "False":
            return accepted.message
        hindrances = (ConditionType.DEGRADED, ConditionType.QUOTA_EXCEEDED, ConditionType.SUSPENDED)
        hindered = (kind for kind in hindrances if is_true(self.status.conditions, kind))
        return next((self._message(kind) or kind.value for kind in hindered), "")

    @property
    def refused(self) -> bool:
        """Whether the study cannot be run as it is written."""
        accepted = find(self.status.conditions, ConditionType.ACCEPTED)
        return accepted is not None and accepted.status == "False"

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The rungs of the running round, lowest first."""
        of_round = [trial for trial in self.trials if trial.round == self.status.round]
        round_ = next((r for r in self.spec.rounds if r.name == self.status.round), None)
        ladders = _ladders(self.spec, round_) if round_ else ()
        steps = sorted({step for ladder in ladders for step in ladder.rungs})
        return tuple(Rung(step, sum(trial.steps >= step for trial in of_round)) for step in steps)

    @property
    def running(self) -> tuple[TrialView, ...]:
        """The trials that have a pod."""
        return tuple(trial for trial in self.trials if trial.has_pod and trial.outcome is None)

    @property
    def best(self) -> TrialView | None:
        """The incumbent."""
        return incumbent(self.spec, self.trials)

    @property
    def planned_trials(self) -> int:
        """Trials that all rounds together will have."""
        return sum(planned_trials(self.spec).values())

    @property
    def full_steps(self) -> int:
        """What training each of these trials to the end would have taken."""
        return full_training_steps(self.trials)

    @property
    def outcomes(self) -> dict[str, int]:
        """Trials by outcome."""
        counted = Counter(trial.outcome.value.lower() if trial.outcome else "unfinished" for trial in self.trials)
        return dict(sorted(counted.items()))

    def _message(self, kind: ConditionType) -> str:
        found = find(self.status.conditions, kind)
        return found.message if found else ""


def snapshot(study: Object, trials: Iterable[Object]) -> Snapshot:
    """What these objects say."""
    listed = sorted(trials, key=lambda trial: int(trial["spec"]["number"]))
    views = tuple(trial_view(trial) for trial in listed)
    return Snapshot(
        name=study["metadata"]["name"],
        spec=reading.read(study["spec"]),
        status=TuningStudyStatus.model_validate(study.get("status") or {}),
        trials=views,
        done=Work(sum(t.get("status", {}).get("attemptCount", 0) for t in listed), sum(v.trained_steps for v in views)),
        failures=_failures(trial for trial in listed if trial.get("status", {}).get("outcome") == Outcome.FAILED),
    )


def _failures(failed: Iterable[Object]) -> tuple[Failure, ...]:
    found: dict[str, Failure] = {}
    for trial in failed:
        status = TrialStatus.model_validate(trial["status"])
        condition = find(status.conditions, ConditionType.SUCCEEDED)
        said = condition.message.strip() if condition else ""
        message = said.splitlines()[-1] if said else "it did not say why"  # of a traceback, the last line is the error
        pod = status.attempts[-1].pod if status.attempts else None
        known = found.get(message, Failure(message, 0, trial["metadata"]["name"], pod))
        found[message] = replace(known, trials=known.trials + 1)
    return tuple(sorted(found.values(), key=lambda failure: -failure.trials))


def planned_work(spec: TuningStudySpec) -> Work:
    """What the study takes if no trial fails and, under ASHA, one in `reductionFactor` is promoted."""
    climbs = [climb for round_ in spec.rounds for climb in _planned(spec, round_)]
    return Work(sum(size for size, _ in climbs), sum(size * steps for size, steps in climbs))


def _planned(spec: TuningStudySpec, round_: Round) -> Iterator[tuple[int, int]]:
    """Segments of equal length: how many, and their steps. A probe is one segment."""
    ladders = _ladders(spec, round_)
    if round_.probe is not None:
        most, _ = probes.steps(round_.probe, round_.max_steps)
        yield sum(ladder.size for ladder in ladders), most
        return
    for ladder in ladders:
        yield from _climbs(ladder.rungs, ladder.size, ladder.reduction_factor)


def _climbs(rungs: Sequence[int], size: int, reduction_factor: int) -> Iterator[tuple[int, int]]:
    """To every rung: how many trials are trained, and each one by how many steps."""
    for below, rung in pairwise((0, *rungs)):
        yield size, rung - below
        size = max(1, size // reduction_factor)


def _ladders(spec: TuningStudySpec, round_: Round) -> tuple[Ladder, ...]:
    if round_.from_ is not None:
        return layout(round_, 1, round_.from_.best).ladders
    return layout(round_, len(space.settings(spec, round_)), round_.proposals).ladders
