"""Any study, in any order of results, failures, losses and changes of mind, keeps the engine's promises and ends."""

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.simulator import Simulator, study
from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import Outcome
from stepladder.engine.actions import Action, Promote, Start, Stop, Verdict
from stepladder.engine.observed import TrialView
from stepladder.engine.plan import plan
from stepladder.engine.rungs import rung_steps

MOMENTS = 4_000  # far more than any study drawn here needs


@st.composite
def pruners(draw: st.DrawFn, max_steps: int) -> dict[str, Any]:
    algorithm = draw(st.sampled_from(["None", "SuccessiveHalving", "Hyperband", "ASHA", "FreezeThaw"]))
    return {
        "algorithm": algorithm,
        "minSteps": draw(st.integers(1, max_steps)),
        "reductionFactor": draw(st.integers(2, 4)),
        "bracketSizing": draw(st.sampled_from(["Algorithm1", "Table1"])),
    }


@st.composite
def studies(draw: st.DrawFn, most: int = 20) -> TuningStudySpec:
    """One to three rounds of up to `most` configurations, with scientific settings, repeats, sources, or without."""
    rounds: list[dict[str, Any]] = []
    for place in range(draw(st.integers(1, 3))):
        max_steps = draw(st.integers(1, 100))
        round_: dict[str, Any] = {"maxSteps": max_steps, "pruner": draw(pruners(max_steps))}
        if place and draw(st.booleans()):
            source = draw(st.integers(0, place - 1))
            round_["from"] = {"round": f"round-{source}", "best": draw(st.integers(1, 4))}
        else:
            round_["trials"] = draw(st.integers(1, most))
        if draw(st.booleans()):
            round_["repeats"] = draw(st.integers(1, 3))
        rounds.append(round_)
    scientific = {"name": "width", "role": "Scientific", "categorical": {"values": [1, 2, 3]}}
    parameters = [{"name": "rate", "float": {"min": 0, "max": 1}}, *([scientific] if draw(st.booleans()) else [])]
    fields: dict[str, Any] = {}
    if draw(st.booleans()):
        fields["failurePolicy"] = {"maxFailedTrials": draw(st.integers(0, 3))}
    if draw(st.integers(0, 3)) == 0:
        fields["budget"] = {"trainedSteps": draw(st.integers(1, 1000))}
    if draw(st.integers(0, 3)) == 0:
        fields["objective"] = {"metric": "loss", "target": 0.05}
    return study(*rounds, parameters=parameters, parallelism=draw(st.integers(1, 6)), **fields)


class Weather:
    """What happens between two plans, drawn from a seed: the trials' fates, and the user's changes of mind."""

    def __init__(self, simulator: Simulator, seed: int, *, calm: bool = False) -> None:
        self.simulator = simulator
        self.random = Random(seed)
        self.calm = calm  # no failures

    def strike(self) -> None:
        """One thing happens."""
        trials = list(self.simulator.trials.values())
        training = [trial for trial in trials if trial.active and trial.has_pod]
        kind = self.random.random()
        if kind < 0.4 and training:
            self._segment(self.random.choice(training))
        elif kind < 0.6:
            self.simulator.start_pods()
        elif kind < 0.9 and trials:
            for trial in self.random.sample(trials, min(3, len(trials))):
                self.simulator.settle(trial)
        elif kind < 0.95 and not self.calm:
            self._change_of_mind()

    def _segment(self, trial: TrialView) -> None:
        fate = self.random.random()
        if self.calm or fate < 0.7:
            self.simulator.finish(trial)
        elif fate < 0.8:
            self.simulator.interrupt(trial, self.random.randrange(trial.target_steps - trial.steps))
        else:
            self.simulator.end(trial, self.random.choice([Outcome.INFEASIBLE, Outcome.FAILED]))

    def _change_of_mind(self) -> None:
        suspend = not self.simulator.spec.suspend and self.random.random() < 0.3
        parallelism = self.random.randint(1, 6)
        self.simulator.spec = self.simulator.spec.model_copy(update={"suspend": suspend, "parallelism": parallelism})


def carry_out(simulator: Simulator, actions: tuple[Action, ...], parallelism: int) -> None:
    """Apply actions one by one: each prefix of a plan must keep the promises, since a process may die after any."""
    for action in actions:
        active = sum(trial.active for trial in simulator.trials.values())
        if isinstance(action, Promote):
            trial = simulator.trials[action.trial]
            assert not trial.ended
            assert trial.target_steps in trial.results, "a promotion without a result"
            assert action.target_steps <= trial.horizon_steps
        if isinstance(action, Stop) and action.outcome is Outcome.PRUNED:
            trial = simulator.trials[action.trial]
            assert trial.target_steps < trial.horizon_steps, "the top rung is never ranked"
            assert trial.reached, "a trial is pruned in the middle of a segment"
        simulator.apply([action])
        now = sum(trial.active for trial in simulator.trials.values())
        assert now <= max(active, parallelism)


def live(simulator: Simulator, weather: Weather, *, losing: Random | None = None) -> Verdict:
    """The study to its end. With `losing`, each action of a plan is lost with a chance of one half."""
    for _ in range(MOMENTS):
        observed = simulator.observe()
        planned = plan(observed)
        assert plan(observed) == planned
        if planned.verdict is not None:
            assert all(trial.outcome is not None and not trial.has_pod for trial in simulator.trials.values())
            return planned.verdict
        kept = tuple(action for action in planned.actions if losing is None or losing.random() < 0.5)
        carry_out(simulator, kept, simulator.spec.parallelism)
        for _ in range(weather.random.randint(1, 8)):
            weather.strike()
    simulator.spec = simulator.spec.model_copy(update={"suspend": False})
    return simulator.run(MOMENTS)


@settings(deadline=None, max_examples=60)
@given(studies(), st.integers(0, 2**32))
def test_every_study_ends_whatever_happens(spec: TuningStudySpec, seed: int) -> None:
    """Catches a stall, a slot used twice, a revised decision, a finished trial that changes (see `Simulator`)."""
    simulator = Simulator(spec)
    verdict = live(simulator, Weather(simulator, seed))
    assert verdict.message
    best = [trial for trial in simulator.trials.values() if trial.best and trial.outcome is not Outcome.INFEASIBLE]
    if verdict.succeeded:
        assert best
    elif verdict.reason != "TooManyFailures":
        assert not best or verdict.reason == "NoResult"
    if verdict.reason == "RoundsCompleted":
        asked = [(t.round, t.configuration, t.repeat) for t in simulator.trials.values()]
        assert len(asked) == len(set(asked))
        for round_ in spec.rounds:
            if round_.trials is not None:
                assert sum(name == round_.name for name, _, _ in asked) == round_.trials * round_.repeats


@settings(deadline=None, max_examples=60)
@given(studies(), st.integers(0, 2**32), st.integers(0, 2**32))
def test_every_study_ends_though_half_of_its_actions_are_lost(spec: TuningStudySpec, seed: int, loss: int) -> None:
    """Catches a plan that counts on its own earlier actions."""
    simulator = Simulator(spec)
    live(simulator, Weather(simulator, seed), losing=Random(loss))


def end_state(simulator: Simulator) -> list[tuple[object, ...]]:
    return [
        (t.number, t.round, t.bracket, t.configuration, t.repeat, t.parameters, t.target_steps, t.outcome, t.results)
        for t in simulator.observe().trials
    ]


@settings(deadline=None, max_examples=35)
@given(studies(most=10), st.integers(0, 2**32), st.integers(0, 2**32))
def test_one_worker_ends_the_same_whatever_is_lost(spec: TuningStudySpec, seed: int, loss: int) -> None:
    """The numbers, configurations, promotions and outcomes of an undisturbed run. Catches numbers that shift, an order
    that depends on when a pod was gone, and choices among moves by what happens to be free."""
    spec = spec.model_copy(update={"parallelism": 1})
    undisturbed, disturbed = Simulator(spec), Simulator(spec)
    verdict = undisturbed.run()
    assert live(disturbed, Weather(disturbed, seed, calm=True), losing=Random(loss)) == verdict
    assert end_state(disturbed) == end_state(undisturbed)


@settings(deadline=None, max_examples=35)
@given(
    st.sampled_from(["SuccessiveHalving", "Hyperband"]),
    st.integers(1, 40),
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(2, 4),
    st.integers(1, 9),
    st.integers(0, 2**32),
)
def test_synchronous_rungs_cost_what_arithmetic_says(
    algorithm: str, trials: int, a: int, b: int, eta: int, parallelism: int, seed: int
) -> None:
    """Whatever the order of results: a ladder of n runs trains n_i runs on to rung i, n_i = max(1, n_(i-1) // eta),
    and each only for the steps between its rungs. Catches a promotion too many, and a restart."""
    low, high = sorted((a, b))
    pruner = {"algorithm": algorithm, "minSteps": low, "reductionFactor": eta}
    simulator = Simulator(study({"trials": trials, "maxSteps": high, "pruner": pruner}, parallelism=parallelism))
    live(simulator, Weather(simulator, seed, calm=True))
    rungs = rung_steps(high, low, eta)
    expected = 0
    sizes = Counter(trial.bracket for trial in simulator.trials.values())
    for bracket, entered in sizes.items():
        depth = bracket % len(rungs) if algorithm == "Hyperband" else 0
        expected += entered * rungs[depth]
        for below, above in pairwise(rungs[depth:]):
            entered = max(1, entered // eta)
            expected += entered * (above - below)
    assert sum(sizes.values()) == trials
    assert simulator.trained_steps == expected


@settings(deadline=None, max_examples=35)
@given(st.integers(1, 40), st.integers(1, 8), st.integers(2, 4), st.integers(0, 2**32))
def test_asha_leaves_no_slot_idle(trials: int, parallelism: int, eta: int, seed: int) -> None:
    """As long as a configuration is left to start, all slots are taken. Catches waiting for a rung."""
    pruner = {"algorithm": "ASHA", "minSteps": 1, "reductionFactor": eta}
    simulator = Simulator(study({"trials": trials, "maxSteps": 30, "pruner": pruner}, parallelism=parallelism))
    random = Random(seed)
    for _ in range(MOMENTS):
        planned = plan(simulator.observe())
        simulator.apply(planned.actions)
        if planned.verdict is not None:
            break
        simulator.start_pods()
        training = [trial for trial in simulator.trials.values() if trial.active]
        assert len(simulator.trials) == trials or len(training) == parallelism
        if training:
            simulator.finish(random.choice(training))
        simulator.settle_all()
    top = [trial for trial in simulator.trials.values() if trial.outcome is Outcome.COMPLETED]
    assert top
    assert simulator.count(Outcome.PRUNED) == trials - len(top)


@settings(deadline=None, max_examples=35)
@given(studies(), st.integers(0, 2**32))
def test_a_plan_that_was_carried_out_asks_for_nothing_more(spec: TuningStudySpec, seed: int) -> None:
    """But for repeats, whose parameters exist only now. Catches actions that are asked for again and again."""
    simulator = Simulator(spec)
    weather = Weather(simulator, seed)
    for _ in range(60):
        planned = plan(simulator.observe())
        simulator.apply(planned.actions)
        again = plan(simulator.observe()).actions
        assert all(isinstance(action, Start) and action.repeat for action in again)
        simulator.apply(again)
        assert plan(simulator.observe()).actions == ()
        weather.strike()
