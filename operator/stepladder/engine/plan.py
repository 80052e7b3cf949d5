"""The whole study in one function: `plan(observed)` says what to do now.

Level-triggered: it looks at what is there, never at what it asked for before, so that any of its actions may be lost
or done twice. Linear in the number of trials but for sorting.
"""

from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, groupby, islice
from operator import attrgetter

from stepladder.api.model import Scalar
from stepladder.api.study import Round, TuningStudySpec
from stepladder.api.trial import Desired, Outcome
from stepladder.engine import baseline, probes, space, suggested, verdict
from stepladder.engine.actions import Action, Ask, Plan, Promote, SetDesired, Start, Stop, Verdict
from stepladder.engine.ladder import Promotion
from stepladder.engine.observed import Observed, TrialView
from stepladder.engine.pruners import POLICIES
from stepladder.engine.ranking import best_configurations, best_trials
from stepladder.engine.rounds import Layout, Run, by_round, layout
from stepladder.engine.seeds import run_seed
from stepladder.engine.stalling import stalled


@dataclass(frozen=True)
class _Round:
    """A round as it is now."""

    spec: Round
    layout: Layout
    trials: Sequence[TrialView]
    seeds: Sequence[Mapping[str, Scalar]] | None  # the configurations it starts from; None: they are proposed
    stalled: bool = False  # nothing better is found any more: no new configurations
    members: tuple[str, ...] = ()  # the trials that an ensemble is made of, the best first

    @cached_property
    def there(self) -> Mapping[int, TrialView]:
        """By the place of its run in the layout."""
        repeats = self.layout.repeats
        return {trial.configuration * repeats + trial.repeat: trial for trial in self.trials}

    @property
    def done(self) -> bool:
        runs = len(self.layout.places)
        enough = self.stalled or len(self.trials) >= runs
        over = enough and all(trial.outcome is not None for trial in self.trials)
        return over and (self.stalled or len(self.there) >= runs)


def plan(observed: Observed) -> Plan:
    """What to do now. Equal observations give equal plans.

    Raises ValueError for a spec that validation refuses (no ladder between minSteps and maxSteps, circular conditions).
    """
    trials = observed.trials
    running, stuck = _running(observed)
    name = running.spec.name if running else observed.spec.rounds[-1].name
    if observed.finished:
        return Plan(_stop_all(observed, running), name)
    end = verdict.early(observed, rounds_done=running is None and stuck is None)
    end = end or stuck or (verdict.completed(observed) if running is None else None)
    if end is not None:
        over = all(trial.outcome is not None and not trial.has_pod for trial in trials)
        spent = end.message if end.reason == verdict.BUDGET_EXHAUSTED else ""
        return Plan(_stop_all(observed, running), name, end if over else None, spent)
    return Plan(tuple(_continue(observed, running)) if running else (), name)


def _running(observed: Observed) -> tuple[_Round | None, Verdict | None]:
    """The first round that is not done; or none and, if nothing can follow one that is, that verdict."""
    trials = by_round(observed.trials)
    begun = {name for name, of_round in trials.items() if not of_round[0].added}
    view: _Round | None = None
    for place, round_ in enumerate(observed.spec.rounds):
        seeds: list[dict[str, Scalar]] | None = None
        members: tuple[str, ...] = ()
        if round_.from_ is not None:
            source = trials.get(round_.from_.round, ())
            direction = observed.spec.objective.direction
            best = best_configurations(direction, source, round_.from_.best)
            if not best:
                return None, verdict.nothing_to_start_from(observed, round_.name, round_.from_.round)
            seeds = [space.override(observed.spec, round_, configuration.runs[0].parameters) for configuration in best]
            if any(trial.added for trial in source):
                seeds = _settled(seeds, trials.get(round_.name, ()))
            if wanted := probes.members(round_.probe):
                members = tuple(trial.name for trial in best_trials(direction, source, wanted))
        if untold := suggested.unknown(round_):
            return None, verdict.nothing_suggested(observed, round_.name, *untold[0])
        of_round = trials.get(round_.name, ())
        view = _view(observed.spec, round_, [trial for trial in of_round if not trial.added], seeds)
        view = replace(view, members=members)
        # A later round starts from the best of this one, added ones too; once it has begun they are waited for last.
        awaited = any(trial.added and trial.outcome is None for trial in of_round)
        if not view.done or (awaited and not any(later.name in begun for later in observed.spec.rounds[place + 1 :])):
            return view, None
        if (end := baseline.closed(round_, of_round)) is not None:
            return None, end
    left = any(trial.added and trial.outcome is None for trial in observed.trials)
    return (view if left else None), None


def _settled(seeds: list[dict[str, Scalar]], there: Sequence[TrialView]) -> list[dict[str, Scalar]]:
    """The seeds by configuration, where one that was added late has changed who is best: what has begun keeps its
    place, and the best of the others take the places that are left."""
    begun = {trial.configuration: dict(trial.parameters) for trial in there if trial.repeat == 0 and not trial.added}
    others = iter([seed for seed in seeds if seed not in begun.values()])
    return [begun[place] if place in begun else next(others, seeds[place]) for place in range(len(seeds))]


def _view(
    spec: TuningStudySpec, round_: Round, trials: Sequence[TrialView], seeds: Sequence[Mapping[str, Scalar]] | None
) -> _Round:
    settings = len(space.settings(spec, round_)) if seeds is None else 1
    configurations = round_.proposals if seeds is None else len(seeds)
    over = stalled(round_.stop_when_no_improvement, trials, spec.objective.direction)
    return _Round(round_, layout(round_, settings, configurations), trials, seeds, over)


def _stop_all(observed: Observed, running: _Round | None) -> tuple[Action, ...]:
    """Stop what has not ended. A trial at the top of its ladder is left to complete, and one that was already due to
    be pruned is pruned, so that it makes no difference whether an earlier plan's stop was lost.
    """
    left = [t for t in observed.trials if not t.ended and not (t.reached and t.target_steps >= t.horizon_steps)]
    due: set[str] = set()
    if running and left:
        # As if nothing had been stopped: the stops of a study's end decide no rung.
        trials = [replace(t, outcome=None, stopping=None) if t.fate is Outcome.STOPPED else t for t in running.trials]
        due = {trial.name for trial in _moves(observed, replace(running, trials=trials))[1]}
    return tuple(
        Stop(trial.name, Outcome.PRUNED if trial.name in due or _is_as_far_as_asked(trial) else Outcome.STOPPED)
        for trial in left
    )


def _is_as_far_as_asked(trial: TrialView) -> bool:
    """Whether an added trial has come to its `targetSteps`, short of its horizon: it is on no ladder, and climbs no
    further."""
    return trial.added and trial.reached and not trial.ended and trial.target_steps < trial.horizon_steps


def _continue(observed: Observed, running: _Round) -> Iterator[Action]:
    """Prune; then pause what exceeds the parallelism, or fill the free slots: resume, promote, start, in this order.

    The order is strict: where a move has no slot, those after it wait too, so that one worker always does the same.
    """
    promotions, prunes = _moves(observed, running)
    prunes += filter(_is_as_far_as_asked, observed.trials)
    yield from (Stop(trial.name, Outcome.PRUNED) for trial in prunes)
    allowed = 0 if observed.spec.suspend else observed.spec.parallelism
    occupants = [trial for trial in observed.trials if trial.occupies]
    active = [trial for trial in occupants if trial.active]
    if len(active) > allowed:
        yield from (SetDesired(trial.name, Desired.PAUSE) for trial in reversed(active[allowed:]))
    slots = allowed - len(occupants)
    for slot, action in _wishes(observed, promotions):
        slots -= slot
        if slots < 0:
            return
        yield action
    if slots > 0 and not running.stalled:
        yield from islice(_starts(observed, running), slots)


def _wishes(observed: Observed, promotions: Iterable[Promotion]) -> Iterator[tuple[int, SetDesired | Promote]]:
    """What trials that are there would do with unlimited slots, in order; each with the slots it takes."""
    for trial in [trial for trial in observed.trials if trial.paused]:
        yield int(not trial.has_pod and not trial.reached), SetDesired(trial.name, Desired.RUN)
    for promotion in promotions:
        yield int(not promotion.trial.has_pod), Promote(promotion.trial.name, promotion.target_steps)


def _moves(observed: Observed, running: _Round) -> tuple[list[Promotion], list[TrialView]]:
    """The promotions of all ladders, to the deepest rung first, and the prunes. Where all have ended nothing moves."""
    moving = {trial.bracket for trial in running.trials if not trial.ended}
    on_ladder: dict[int, list[TrialView]] = {}
    for bracket, successive in groupby(running.trials, key=attrgetter("bracket")):
        if bracket in moving:
            on_ladder.setdefault(bracket, []).extend(successive)
    policy = POLICIES[running.spec.pruner.algorithm]
    direction = observed.spec.objective.direction
    promotions: list[Promotion] = []
    prunes: list[TrialView] = []
    for bracket, ladder in enumerate(running.layout.ladders):
        if bracket in on_ladder:
            moves = policy.moves(ladder, on_ladder[bracket], direction)
            promotions += moves.promotions
            prunes += moves.prunes
    promotions.sort(key=lambda promotion: -promotion.target_steps)
    return promotions, prunes


def _starts(observed: Observed, running: _Round) -> Iterator[Start]:
    """The trials still to be created, in order. Repeats of a proposed configuration wait for its first run's values."""
    trials = observed.trials[: bisect(observed.trials, 0, key=lambda trial: trial.added)]  # the planned ones
    gapless = bisect(range(len(trials)), 0, key=lambda place: trials[place].number - place)
    used = {trial.number for trial in trials[gapless:]}
    free_numbers = (number for number in count(gapless) if number not in used)
    for run in running.layout.missing(running.there):
        first = running.there.get(run.configuration * running.layout.repeats)
        if first is not None:
            yield _start(observed, running, run, next(free_numbers), first.parameters, None)
        elif running.seeds is not None:
            yield _start(observed, running, run, next(free_numbers), running.seeds[run.configuration], None)
        elif run.repeat == 0:
            ask = Ask(running.spec.name, run.setting, run.index)
            yield _start(observed, running, run, next(free_numbers), {}, ask)


def _start(
    observed: Observed, running: _Round, run: Run, number: int, parameters: Mapping[str, Scalar], ask: Ask | None
) -> Start:
    rungs = running.layout.ladders[run.bracket].rungs
    return Start(
        number=number,
        round=running.spec.name,
        bracket=run.bracket,
        configuration=run.configuration,
        repeat=run.repeat,
        seed=run_seed(observed.spec.seed, running.spec.name, run.configuration, run.repeat),
        target_steps=rungs[0],
        horizon_steps=running.spec.max_steps,
        rung_steps=rungs,
        parameters=parameters,
        ask=ask,
        members=running.members,
    )
