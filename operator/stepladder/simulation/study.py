"""A study's run in virtual time: the real plans, applied to trials whose curves are known beforehand."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stepladder.api.study import Round, TuningStudySpec
from stepladder.api.trial import Desired, Observation, Outcome
from stepladder.engine.actions import Action, Promote, SetDesired, Start, Stop, Verdict
from stepladder.engine.observed import Observed, TrialView, better
from stepladder.engine.plan import plan
from stepladder.engine.pruners import POLICIES
from stepladder.engine.ranking import best_configurations
from stepladder.engine.space import override
from stepladder.engine.stalling import stalled
from stepladder.simulation.conditions import Conditions
from stepladder.simulation.curves import Curve
from stepladder.simulation.proposals import Proposals
from stepladder.simulation.segment import End, Segment
from stepladder.simulation.table import Entry, Table
from stepladder.simulation.workers import Workers


@dataclass(frozen=True)
class Ending:
    """A study that is over."""

    verdict: Verdict
    trials: tuple[TrialView, ...]
    segments: tuple[Segment, ...]
    wall_seconds: float
    idle_slot_seconds: float  # slots that were free while the round had runs to start


class SimulatedStudy:
    """The trials of one study. Their numbers are their places in `_trials`, since nobody deletes one."""

    def __init__(self, name: str, spec: TuningStudySpec, table: Table, conditions: Conditions) -> None:
        self._name = name
        self._spec = spec
        self._table = table
        self._gpus = conditions.gpus
        self._proposals = Proposals(name, spec, table)
        self._workers = Workers(conditions, spec.seed)
        self._trials: list[TrialView] = []
        self._curves: list[Curve] = []
        self._places: dict[tuple[str, int, int], int] = {}  # by round, configuration, repeat
        self._waiting: set[int] = set()  # trials that have something to train, and no pod
        self._seen: dict[int, int] = {}  # how many evaluations of a trial's curve its view holds
        self._runs: dict[str, int] = {}  # how many runs each round has still to start
        self._idle = 0.0

    def run(self) -> Ending:
        """The study from its first trial to its verdict. It is over when no trial runs any more."""
        deadline = float(self._spec.budget.active_deadline_seconds or math.inf)
        while True:
            round_name, verdict = self._continue()
            if verdict is not None:
                return Ending(verdict, tuple(self._trials), tuple(self._workers.done), self._workers.now, self._idle)
            idle, before = self._idle_slots(round_name), self._workers.now
            for segment in self._workers.advance(deadline):
                self._look(segment)
            self._idle += idle * (self._workers.now - before)

    def _continue(self) -> tuple[str, Verdict | None]:
        """Plan and apply until nothing new comes of it; the round, and the verdict if there is one."""
        while True:
            round_name = self._current_round()
            if self._watched(round_name):
                for number in sorted(self._workers.running):
                    self._see(number)
            planned = plan(Observed(self._spec, tuple(self._trials), self._workers.now))
            self._apply(planned.actions)
            self._start_pods()
            # With every slot taken the next plan could only wait for the next event.
            if not planned.actions or len(self._workers.running) >= self._spec.parallelism:
                return planned.round, planned.verdict

    def _apply(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Start():
                    self._start(action)
                case Promote(name, target_steps):
                    number = self._number(name)
                    self._change(number, target_steps=target_steps, desired=Desired.RUN)
                    self._waiting.add(number)
                case SetDesired(name, Desired.RUN):
                    number = self._number(name)
                    self._change(number, desired=Desired.RUN)
                    if self._trials[number].active:
                        self._waiting.add(number)
                case SetDesired(name, Desired.PAUSE):
                    number = self._number(name)
                    self._interrupt(number)
                    self._change(number, desired=Desired.PAUSE)
                case Stop(name, outcome):
                    number = self._number(name)
                    self._interrupt(number)
                    self._change(number, desired=Desired.STOP, stopping=outcome, outcome=outcome)
                case _:
                    raise AssertionError(f"no way to apply {action}")

    def _start(self, start: Start) -> None:
        if start.number != len(self._trials):
            raise AssertionError("nobody deletes a trial, so numbers follow one another")
        entry = self._entry(start)
        self._places[start.round, start.configuration, start.repeat] = start.number
        self._trials.append(
            TrialView(
                name=f"{self._name}-{start.number}",
                number=start.number,
                round=start.round,
                bracket=start.bracket,
                configuration=start.configuration,
                repeat=start.repeat,
                parameters=entry.parameters,
                target_steps=start.target_steps,
                horizon_steps=start.horizon_steps,
            )
        )
        self._curves.append(entry.curve)
        self._seen[start.number] = 0
        self._waiting.add(start.number)
        self._runs[start.round] = self._to_start(start.round) - 1

    def _entry(self, start: Start) -> Entry:
        """What a new trial is trained with, and how that will go."""
        if start.ask is not None:
            if self._proposals.looks_at_results(start.round):
                for number in sorted(self._workers.running):
                    self._see(number)
            return self._proposals.take(start.ask, self._trials)
        first = self._places.get((start.round, start.configuration, 0))
        if first is not None:
            return Entry(start.parameters, self._curves[first])
        return Entry(start.parameters, self._table.find(start.parameters) or self._source(start))

    def _source(self, start: Start) -> Curve:
        """The curve of the earlier round's configuration with which a round starts."""
        round_ = self._round(start.round)
        return next(
            self._curves[trial.number]
            for trial in self._trials
            if round_.from_ is not None
            and trial.round == round_.from_.round
            and override(self._spec, round_, trial.parameters) == start.parameters
        )

    def _start_pods(self) -> None:
        for number in sorted(self._waiting):
            trial = self._trials[number]
            segment = self._workers.start(number, self._curves[number], trial.steps, trial.target_steps)
            self._change(number, has_pod=True)
            for step in self._worth_seeing(trial, segment):
                self._workers.wake(segment, segment.time(step))
        self._waiting.clear()

    def _worth_seeing(self, trial: TrialView, segment: Segment) -> tuple[int, ...]:
        """The evaluations within the segment at which the engine may have something to say."""
        curve, target = segment.curve, self._spec.objective.target
        first, beyond = curve.count(segment.from_step), curve.count(segment.to_step - 1)
        if self._watched(trial.round):
            return curve.steps[first:beyond]
        if target is None:
            return ()
        meets = (p for p in range(first, beyond) if not better(self._spec.objective.direction, target, curve.values[p]))
        return tuple(curve.steps[p] for p in meets)[:1]

    def _look(self, segment: Segment) -> None:
        """Something happens to a running segment now."""
        if self._workers.now < segment.ends:
            self._see(segment.trial)
            return
        trial = self._trials[segment.trial]
        match segment.end:
            case End.DIVERGED:
                self._leave(segment.trial, outcome=Outcome.INFEASIBLE)
            case End.INTERRUPTED:
                self._leave(segment.trial)
                self._waiting.add(segment.trial)
            case End.REACHED:
                completed = Outcome.COMPLETED if trial.target_steps >= trial.horizon_steps else None
                self._leave(segment.trial, trial.target_steps, outcome=completed)

    def _interrupt(self, number: int) -> None:
        """A trial that is told to pause or stop saves its state; it may not have had a pod."""
        self._waiting.discard(number)
        if number in self._workers.running:
            self._leave(number)

    def _leave(self, number: int, reached: int | None = None, **fields: Any) -> None:
        """The trial's pod ends: what it has done is recorded, with a result where its target is reached."""
        results, best = self._seen_by_now(number, reached)
        segment, trial = self._workers.end(number), self._trials[number]
        self._change(
            number,
            has_pod=False,
            results=results,
            best=best,
            steps=segment.to_step,
            trained_steps=trial.trained_steps + segment.to_step - segment.from_step,
            gpu_seconds=trial.gpu_seconds + self._gpus * (segment.until - segment.began),
            **fields,
        )

    def _see(self, number: int) -> None:
        """What a running trial has evaluated by now is scraped."""
        results, best = self._seen_by_now(number)
        if results is not self._trials[number].results:
            self._change(number, results=results, best=best)

    def _seen_by_now(self, number: int, reached: int | None = None) -> tuple[Mapping[int, float], Observation | None]:
        """A running trial's results and its best by now. The result at its target comes only when that is `reached`:
        it is the newest evaluation, as a trainer evaluates there in any case."""
        trial, segment = self._trials[number], self._workers.running[number]
        curve, first = segment.curve, self._seen[number]
        beyond = self._seen[number] = max(first, curve.count(segment.step(self._workers.now)))
        new = dict(zip(curve.steps[first:beyond], curve.values[first:beyond], strict=True))
        best = trial.best
        for step, value in new.items():
            if best is None or better(self._spec.objective.direction, value, best.value):
                best = Observation(step=step, value=value)
        new.pop(trial.target_steps, None)
        if reached is not None:
            newest = curve.at(reached)
            if newest is None:
                raise AssertionError("the table is checked for a value at the lowest rung")
            new[reached] = newest
        return {**trial.results, **new} if new else trial.results, best

    def _watched(self, round_name: str) -> bool:
        return POLICIES[self._round(round_name).pruner.algorithm].every_evaluation

    def _current_round(self) -> str:
        return self._trials[-1].round if self._trials else self._spec.rounds[0].name

    def _idle_slots(self, round_name: str) -> int:
        """Slots that are free although the round has runs to start."""
        free = self._spec.parallelism - len(self._workers.running)
        round_ = self._round(round_name)
        if free > 0 and round_.stop_when_no_improvement is not None:
            trials = (trial for trial in self._trials if trial.round == round_name)
            if stalled(round_.stop_when_no_improvement, trials, self._spec.objective.direction):
                return 0
        return min(free, self._to_start(round_name))

    def _to_start(self, round_name: str) -> int:
        """How many runs of the round have not been started."""
        if round_name not in self._runs:
            round_ = self._round(round_name)
            configurations = round_.proposals
            if round_.from_ is not None:
                source = [trial for trial in self._trials if trial.round == round_.from_.round]
                configurations = len(best_configurations(self._spec.objective.direction, source, round_.from_.best))
            self._runs[round_name] = configurations * round_.repeats
        return self._runs[round_name]

    def _round(self, name: str) -> Round:
        return next(round_ for round_ in self._spec.rounds if round_.name == name)

    def _number(self, name: str) -> int:
        return int(name.rpartition("-")[2])

    def _change(self, number: int, **fields: Any) -> None:
        self._trials[number] = replace(self._trials[number], **fields)
