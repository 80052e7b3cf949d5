"""The study reconciler: gathers everything, plans (`engine.plan`), applies, writes one status, then tells Events."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from stepladder.api.conditions import ConditionType, find
from stepladder.api.model import Scalar
from stepladder.api.study import TuningStudySpec, TuningStudyStatus, WarmStart
from stepladder.api.trial import Checkpoint, Desired, TrialStatus
from stepladder.control.adoption import adoption, applicants, objection
from stepladder.control.cache import Cache, Key, key_of
from stepladder.control.clock import Clock, seconds_between, to_wire
from stepladder.control.events import EventRecorder, Happening
from stepladder.control.members import member
from stepladder.control.ownership import owns
from stepladder.control.scraping import Scraper
from stepladder.control.serving import Serving
from stepladder.control.specs import Specs
from stepladder.control.store import CLAIMS, STUDIES, TRIALS, AlreadyExists, NotFound, Object
from stepladder.control.study_status import NOTHING_PLANNED, Circumstances, describe_study
from stepladder.control.suggestions import Suggestions
from stepladder.control.trial_builder import build_trial, trial_name
from stepladder.control.trial_view import TrialViews
from stepladder.control.writes import Writer
from stepladder.engine.actions import Action, Plan, Promote, SetDesired, Start, Stop
from stepladder.engine.auto import Choices
from stepladder.engine.observed import Observed, TrialView
from stepladder.engine.plan import plan
from stepladder.engine.ranking import incumbent
from stepladder.engine.suggested import resolved
from stepladder.engine.validation import warm_start_advice, warnings
from stepladder.search.histories import asked, histories
from stepladder.search.warm_start import Source, best_of, informed

logger = logging.getLogger(__name__)

STATUS_EVERY_SECONDS = 1.0  # counts that merely move may wait this long, conditions never
MISSING_CLAIM_RETRY_SECONDS = 10.0
MISSING_SOURCE_RETRY_SECONDS = 10.0
NAME_TAKEN_RETRY_SECONDS = 2.0
STORAGE_RETRY_SECONDS = 5.0

# The turns of a condition that become an Event, and whether as a warning.
TOLD = {
    (ConditionType.ACCEPTED, "False"): True,
    (ConditionType.SUCCEEDED, "False"): True,
    (ConditionType.SUCCEEDED, "True"): False,
    (ConditionType.DEGRADED, "True"): True,
    (ConditionType.QUOTA_EXCEEDED, "True"): True,
    (ConditionType.BUDGET_EXHAUSTED, "True"): False,
    (ConditionType.SUSPENDED, "True"): False,
    (ConditionType.SERVING, "True"): False,
    (ConditionType.SERVING, "False"): True,
    (ConditionType.BASELINE_REASONABLE, "False"): True,
}


class StudyReconciler:
    """Level-triggered: a plan follows from what is there now, whoever made it so."""

    def __init__(
        self,
        cache: Cache,
        writer: Writer,
        specs: Specs,
        suggestions: Suggestions,
        scraper: Scraper,
        events: EventRecorder,
        clock: Clock,
        serving: Serving | None = None,
    ) -> None:
        self._cache = cache
        self._writer = writer
        self._specs = specs
        self._suggestions = suggestions
        self._views = TrialViews(scraper.observations)
        self._events = events
        self._clock = clock
        self._serving = serving  # none where nothing would run a Deployment
        self._last_write: dict[Key, str] = {}

    async def reconcile(self, key: Key) -> float | None:
        """One pass; the seconds after which another is due, if any. Raises StoreError to be retried."""
        study = self._cache.get(key)
        if study is None:
            self._forget(key)
        if study is None or "deletionTimestamp" in study["metadata"]:
            return None
        old = TuningStudyStatus.model_validate(study.get("status", {}))
        reading = self._specs.of(study)
        spec, problem = reading.spec, reading.problem
        if spec is None or problem:
            await self._write_status(study, old, spec, self._circumstances(study, problem=problem))
            return None
        seen = self._observe(study, spec, old)
        spec = seen.spec
        objections = "" if seen.finished else await self._adopt(study, spec)
        hindrance = await self._missing_claim(study, spec, seen)
        requeue: float | None = None
        if hindrance is not None:
            planned, requeue = Plan(round=old.round), MISSING_CLAIM_RETRY_SECONDS
        else:
            planned = plan(seen)
            if hindrance := self._missing_source(study, spec, seen, planned):
                planned, requeue = Plan(round=planned.round), MISSING_SOURCE_RETRY_SECONDS
            else:
                hindrance, requeue = await self._apply(study, spec, seen, planned)
            seen = self._observe(study, spec, old) if planned.actions else seen
        for found in histories(_record_name(study), spec, seen.trials):
            self._suggestions.mirror(key, found)
        if failure := self._suggestions.failure(key):
            hindrance = "StorageUnavailable", f"the Optuna storage refuses: {failure}"
            requeue = STORAGE_RETRY_SECONDS
        hindrance = hindrance or _standstill(seen) or (("TrialNotTaken", objections) if objections else None)
        given = self._circumstances(study, trials=seen.trials, plan=planned, spec=spec, hindrance=hindrance)
        look_again: float | None = None
        if self._serving is not None:
            served, look_again = await self._serving.keep(study, spec, old)
            given = replace(given, served=served)
        wait = await self._write_status(study, old, spec, given)
        deadline = spec.budget.active_deadline_seconds
        left = deadline - seen.elapsed_seconds if deadline and old.completion_time is None else None
        return min((s for s in (requeue, wait, left, look_again) if s is not None and s > 0), default=None)

    def _observe(self, study: Object, spec: TuningStudySpec, old: TuningStudyStatus) -> Observed:
        meta = study["metadata"]
        trials = self._views.of(study, self._cache.children(TRIALS, meta["namespace"], meta["name"]))
        return Observed(
            spec=resolved(spec, trials),
            trials=trials,
            elapsed_seconds=seconds_between(old.start_time, to_wire(self._clock.now())),
            finished=old.completion_time is not None,
        )

    def _forget(self, key: Key) -> None:
        self._specs.forget(key)
        self._suggestions.forget(key)
        self._views.forget(key)
        if self._serving is not None:
            self._serving.forget(key)
        self._last_write.pop(key, None)

    async def _adopt(self, study: Object, spec: TuningStudySpec) -> str:
        """Take in the trials that people have applied for this study; why some are not taken."""
        objections: list[str] = []
        for trial in applicants(study, self._views.strangers(key_of(STUDIES, study))):
            if why := objection(study, spec, trial):
                objections.append(why)
            else:
                await self._writer.patch(key_of(TRIALS, trial), adoption(study, trial), base=trial)
        return "; ".join(objections)

    async def _missing_claim(self, study: Object, spec: TuningStudySpec, seen: Observed) -> tuple[str, str] | None:
        """A claim that is not there would leave every pod waiting: say so before anything is spent."""
        claim = spec.trainer.checkpoints.persistent_volume_claim
        if claim is None or seen.trials or seen.finished:
            return None
        namespace = study["metadata"]["namespace"]
        try:
            await self._writer.store.get(CLAIMS, namespace, claim.claim_name)
        except NotFound:
            return "ClaimNotFound", (
                f"trainer.checkpoints.persistentVolumeClaim.claimName: there is no claim {claim.claim_name} in "
                f"namespace {namespace}: create it, and the study starts by itself"
            )
        return None

    def _missing_source(
        self, study: Object, spec: TuningStudySpec, seen: Observed, planned: Plan
    ) -> tuple[str, str] | None:
        """An earlier study that a round is to begin from has to have finished; once it has begun, it may go."""
        round_ = next((r for r in spec.rounds if r.name == planned.round), None)
        starts = any(isinstance(action, Start) and action.ask is not None for action in planned.actions)
        if not starts or round_ is None or any(trial.round == round_.name for trial in seen.trials):
            return None
        namespace, own = study["metadata"]["namespace"], study["metadata"]["name"]
        for name in (source.study for source in round_.sampler.warm_start):
            field = f"round {round_.name}: sampler.warmStart"
            if name == own:
                return "WarmStartNotFound", f"{field} names this study itself: apply a study that names another one"
            found = self._cache.get(Key(STUDIES, namespace, name))
            if found is None:
                message = f"{field}: there is no study {name} in namespace {namespace}: apply it, and this one goes on"
                return "WarmStartNotFound", f"{message} when it has finished"
            if not found.get("status", {}).get("completionTime"):
                return "WarmStartNotFinished", f"{field}: waits until study {name} has finished"
        return None

    def _sources(self, study: Object, wanted: Sequence[WarmStart]) -> Iterator[Source]:
        """The earlier studies that are still there. What they have taught already is in this study's trials."""
        namespace = study["metadata"]["namespace"]
        for source in wanted:
            found = self._cache.get(Key(STUDIES, namespace, source.study))
            spec = self._specs.of(found).spec if found is not None else None
            if found is not None and spec is not None and found.get("status", {}).get("completionTime"):
                labelled = self._cache.children(TRIALS, namespace, source.study)
                yield Source(spec, self._views.of(found, labelled), source.best, source.study)

    async def _apply(
        self, study: Object, spec: TuningStudySpec, seen: Observed, planned: Plan
    ) -> tuple[tuple[str, str] | None, float | None]:
        """Carry out the plan's actions in their order; what hindered it, and when to try again."""
        key = key_of(STUDIES, study)
        for action in planned.actions:
            if isinstance(action, Start):
                parameters = self._parameters(study, spec, seen.trials, action)
                if parameters is None:
                    break  # reconciled again when the proposal is there
                if not await self._start(study, spec, action, parameters):
                    name = trial_name(study["metadata"]["name"], action.number)
                    message = f"Trial {name} exists and belongs to another owner: delete it, or rename the study"
                    return ("TrialNameTaken", message), NAME_TAKEN_RETRY_SECONDS
            else:
                await self._steer(key, action)
        return None, None

    def _parameters(
        self, study: Object, spec: TuningStudySpec, trials: Sequence[TrialView], start: Start
    ) -> dict[str, Scalar] | None:
        if start.ask is None:
            return dict(start.parameters)
        history = asked(_record_name(study), spec, start.ask, trials)
        if history.sampler.warm_start:
            history = informed(history, spec, self._sources(study, history.sampler.warm_start))
        found = self._suggestions.get(key_of(STUDIES, study), history, start.ask.index)
        return None if found is None else dict(found)

    async def _start(
        self, study: Object, spec: TuningStudySpec, start: Start, parameters: Mapping[str, Scalar]
    ) -> bool:
        places = (Key(TRIALS, study["metadata"]["namespace"], name) for name in start.members)
        members = tuple(member(trial, spec) for place in places if (trial := self._cache.get(place)) is not None)
        manifest = build_trial(study, start, parameters, members)
        key = key_of(TRIALS, manifest)
        try:
            await self._writer.create(TRIALS, manifest)
        except AlreadyExists:
            found = await self._writer.refresh(key)
            return found is None or owns(study, found)
        return True

    async def _steer(self, study: Key, action: Action) -> None:
        match action:
            case Promote(trial, target_steps):
                change: dict[str, object] = {"targetSteps": target_steps, "desired": Desired.RUN.value}
            case SetDesired(trial, desired):
                change = {"desired": desired.value}
            case Stop(trial, outcome):
                change = {"desired": Desired.STOP.value, "stopReason": outcome.value}
            case _:
                raise AssertionError(f"no way to steer by {action}")
        key = Key(TRIALS, study.namespace, trial)
        base = self._cache.get(key)
        if base is not None:
            await self._writer.patch(key, {"spec": change}, base=base)

    def _circumstances(
        self,
        study: Object,
        *,
        trials: Sequence[TrialView] = (),
        plan: Plan = NOTHING_PLANNED,
        spec: TuningStudySpec | None = None,
        problem: tuple[str, str] | None = None,
        hindrance: tuple[str, str] | None = None,
    ) -> Circumstances:
        best = incumbent(spec, trials) if spec else None
        return Circumstances(
            generation=study["metadata"].get("generation", 0),
            now=self._clock.now(),
            trials=trials,
            plan=plan,
            problem=problem,
            hindrance=hindrance,
            best=best,
            best_checkpoint=self._checkpoint(study, best) if best else None,
        )

    def _checkpoint(self, study: Object, best: TrialView) -> Checkpoint | None:
        trial = self._cache.get(Key(TRIALS, study["metadata"]["namespace"], best.name))
        status = TrialStatus.model_validate((trial or {}).get("status", {}))
        return status.best_checkpoint or status.checkpoint

    async def _write_status(
        self, study: Object, old: TuningStudyStatus, spec: TuningStudySpec | None, given: Circumstances
    ) -> float | None:
        """Write the status if it says something new; the seconds to wait where that can wait."""
        new = describe_study(spec, old, given)
        if new == old:
            return None
        key, now = key_of(STUDIES, study), to_wire(given.now)
        waited = seconds_between(self._last_write.get(key), now)
        if new.conditions == old.conditions and key in self._last_write and waited < STATUS_EVERY_SECONDS:
            return STATUS_EVERY_SECONDS - waited
        written = await self._writer.replace_status(key, new.wire(), base=study)
        self._last_write[key] = now
        for happening in _happenings(old, new, self._specs.of(study).choices):
            await self._events.record(written, happening)
        if spec is not None and not old.conditions and not given.problem:
            for advice in warnings(spec):
                await self._events.record(
                    written, Happening("Advice", f"{advice.field}: {advice.message}", warning=True)
                )
        for sentence in self._stale(study, spec, old, new) if spec is not None else ():
            await self._events.record(written, Happening("RetuneRequired", sentence, warning=True))
        return None

    def _stale(
        self, study: Object, spec: TuningStudySpec, old: TuningStudyStatus, new: TuningStudyStatus
    ) -> Iterator[str]:
        """What of an earlier study does not hold for a round that has just begun from it."""
        before = {round_.name for round_ in old.rounds if round_.trials.total}
        begun = {round_.name for round_ in new.rounds if round_.trials.total} - before
        for round_ in (r for r in spec.rounds if r.name in begun and r.sampler.warm_start):
            for source in self._sources(study, round_.sampler.warm_start):
                yield from warm_start_advice(spec, round_, source.name, best_of(source))


def _record_name(study: Object) -> str:
    """What the study is called in the Optuna storage; one that is made again under its name starts anew there."""
    meta = study["metadata"]
    return f"{meta['namespace']}/{meta['name']}/{meta['uid']}"


def _standstill(seen: Observed) -> tuple[str, str] | None:
    """What keeps every trial that should train from training, as the first of them has it; quota has its own place."""
    active = [t for t in seen.trials if t.active and not t.waits_for_quota]
    if not active or not all(t.trouble for t in active):
        return None
    return "NoTrialTrains", f"{active[0].name}: {active[0].trouble}"


def _happenings(old: TuningStudyStatus, new: TuningStudyStatus, choices: Mapping[str, Choices]) -> Iterator[Happening]:
    """One Event per condition that has turned, per round that has ended early, in a verdict, or begun, and of what Auto
    has chosen."""
    before_by_name = {round_.name: round_ for round_ in old.rounds}
    for round_ in new.rounds:
        before = before_by_name.get(round_.name)
        if round_.message and not (before and before.message):
            yield Happening("RoundEndedEarly", f"round {round_.name} has {round_.message}")
        if round_.verdict and not (before and before.verdict):
            yield Happening("ProbeEnded", f"round {round_.name}: {round_.verdict.summary}")
    if new.round and new.round != old.round:
        yield Happening("RoundStarted", f"round {new.round} has begun")
        if new.round in choices:
            yield Happening("AutoChose", f"round {new.round}: {choices[new.round]}")
    for condition in new.conditions:
        turn = (ConditionType(condition.type), condition.status)
        was = find(old.conditions, turn[0])
        if turn in TOLD and (was is None or was.status != condition.status):
            yield Happening(condition.reason, condition.message, warning=TOLD[turn])
