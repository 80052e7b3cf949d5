"""A cluster in a few lines: it applies plans, trains in no time, and can be made to fail in any order."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from stepladder.api.probes import ProbeVerdict
from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import Desired, Observation, Outcome
from stepladder.engine.actions import Action, Promote, SetDesired, Start, Stop, Verdict
from stepladder.engine.observed import Observed, TrialView
from stepladder.engine.plan import plan
from stepladder.engine.suggested import resolved

Objective = Callable[[TrialView, int], float]
"""The objective of a trial after so many steps."""


def study(*rounds: dict[str, Any], **fields: Any) -> TuningStudySpec:
    """A study of these rounds, given as they stand in a manifest."""
    named = [{"name": f"round-{place}", **round_} for place, round_ in enumerate(rounds)]
    return TuningStudySpec.model_validate(
        {
            "objective": {"metric": "loss"},
            "parameters": [{"name": "rate", "float": {"min": 0, "max": 1}}],
            "rounds": named,
            "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}},
            **fields,
        }
    )


def fraction(*what: object) -> float:
    """A number in [0, 1) that depends on `what` only."""
    return int.from_bytes(blake2b(repr(what).encode(), digest_size=4).digest(), "big") / 2**32


def by_configuration(trial: TrialView, step: int) -> float:
    """Configurations differ, and every one improves with its steps. Two decimals, so that some are equal."""
    return round(fraction(trial.round, trial.configuration, trial.repeat), 2) + 1 / step


@dataclass
class Simulator:
    """The objects of one study. Everything that happens is a method; nothing happens by itself."""

    spec: TuningStudySpec
    objective: Objective = by_configuration
    trials: dict[str, TrialView] = field(default_factory=dict)
    elapsed_seconds: float = 0.0
    log: list[Action] = field(default_factory=list)
    suggestions: Mapping[str, float] = field(default_factory=dict)  # of every probe

    def observe(self) -> Observed:
        """What `plan` sees now."""
        in_order = sorted(self.trials.values(), key=lambda trial: trial.number)
        return Observed(resolved(self.spec, in_order), tuple(in_order), self.elapsed_seconds)

    def apply(self, actions: Iterable[Action]) -> None:
        """Do what a plan asks for. Refuses what the API server would refuse."""
        for action in actions:
            self.log.append(action)
            match action:
                case Start():
                    self._create(action)
                case Promote(name, target_steps):
                    assert target_steps > self.trials[name].target_steps, "targetSteps never falls"
                    self._change(name, target_steps=target_steps)
                case SetDesired(name, desired):
                    self._change(name, desired=desired)
                case Stop(name, outcome):
                    assert not self.trials[name].ended, "an ended trial is stopped again"
                    self._change(name, desired=Desired.STOP, stopping=outcome)

    def start_pods(self) -> None:
        """Every trial that may train gets a pod."""
        for trial in list(self.trials.values()):
            if trial.active and not trial.has_pod:
                self._change(trial.name, has_pod=True)

    def finish(self, trial: TrialView) -> None:
        """The trial's segment ends with a result, or a probe with its verdict; its pod is still there."""
        probe = next(round_.probe for round_ in self.spec.rounds if round_.name == trial.round)
        if probe is not None:
            summary = f"{trial.name} has measured."
            verdict = ProbeVerdict(type=probe.type, summary=summary, suggestions=dict(self.suggestions))
            trained = trial.trained_steps + trial.target_steps
            self._change(trial.name, outcome=Outcome.COMPLETED, verdict=verdict, trained_steps=trained, has_pod=False)
            return
        value = self.objective(trial, trial.target_steps)
        best = trial.best
        if best is None or value < best.value:
            best = Observation(step=trial.target_steps, value=value)
        self._change(
            trial.name,
            steps=trial.target_steps,
            trained_steps=trial.trained_steps + trial.target_steps - trial.steps,
            results={**trial.results, trial.target_steps: value},
            best=best,
        )

    def interrupt(self, trial: TrialView, steps: int) -> None:
        """The trial's pod is lost after so many more steps, all of them in a checkpoint."""
        self._change(trial.name, steps=trial.steps + steps, trained_steps=trial.trained_steps + steps, has_pod=False)

    def end(self, trial: TrialView, outcome: Outcome) -> None:
        """The trial ends without a result."""
        self._change(trial.name, outcome=outcome, has_pod=False)

    def settle(self, trial: TrialView) -> None:
        """What the trial's own reconciler does: its pod goes when it has nothing to train, and its end is written."""
        if trial.active:
            return
        self._change(trial.name, has_pod=False)
        if trial.outcome is None and trial.stopping is not None:
            self._change(trial.name, outcome=trial.stopping)
        elif trial.outcome is None and trial.reached and trial.target_steps == trial.horizon_steps:
            self._change(trial.name, outcome=Outcome.COMPLETED)

    def settle_all(self) -> None:
        """`settle` for every trial."""
        for trial in list(self.trials.values()):
            self.settle(trial)

    def run(self, at_most: int = 100_000) -> Verdict:
        """The study to its end without any trouble, the lowest number first."""
        for _ in range(at_most):
            planned = plan(self.observe())
            self.apply(planned.actions)
            if planned.verdict:
                return planned.verdict
            self.start_pods()
            for trial in sorted(self.trials.values(), key=lambda trial: trial.number):
                if trial.active and trial.has_pod:
                    self.finish(trial)
                    break
            self.settle_all()
        raise AssertionError("the study does not end")

    @property
    def trained_steps(self) -> int:
        """Steps trained by all trials."""
        return sum(trial.trained_steps for trial in self.trials.values())

    def count(self, outcome: Outcome) -> int:
        """How many trials ended so."""
        return sum(trial.outcome is outcome for trial in self.trials.values())

    def _create(self, start: Start) -> None:
        name = f"study-{start.number}"
        assert name not in self.trials, "a trial number is used twice"
        run = (start.round, start.configuration, start.repeat)
        assert run not in {(t.round, t.configuration, t.repeat) for t in self.trials.values()}, "a run is started twice"
        assert (start.ask is None) != (not start.parameters), "a trial needs parameters or an ask"
        self.trials[name] = TrialView(
            name=name,
            number=start.number,
            round=start.round,
            bracket=start.bracket,
            configuration=start.configuration,
            repeat=start.repeat,
            parameters=start.parameters or {"rate": fraction(start.ask)},
            target_steps=start.target_steps,
            horizon_steps=start.horizon_steps,
        )

    def _change(self, name: str, **fields: Any) -> None:
        trial = self.trials[name]
        if trial.outcome is not None:
            assert set(fields) <= {"has_pod"}, "a finished trial never changes"
        self.trials[name] = replace(trial, **fields)
