"""Studies of any size, driven by plans alone: every segment ends as soon as it may, without pods, in number order."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import Desired, Observation, Outcome
from stepladder.engine.actions import Plan, Promote, SetDesired, Start, Stop
from stepladder.engine.observed import Observed, TrialView

PARAMETERS = 8
MAX_STEPS, MIN_STEPS, EVALUATIONS = 81, 1, 4


def manifest(algorithm: str, trials: int, parallelism: int) -> dict[str, Any]:
    """The spec of a study of one round."""
    return {
        "objective": {"metric": "validation_error"},
        "parameters": [{"name": f"p{i}", "float": {"min": 0, "max": 1}} for i in range(PARAMETERS)],
        "parallelism": parallelism,
        "rounds": [
            {
                "name": "explore",
                "trials": trials,
                "maxSteps": MAX_STEPS,
                "sampler": {"algorithm": "Random"},
                "pruner": {"algorithm": algorithm, "minSteps": MIN_STEPS},
            }
        ],
        "trainer": {"template": {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}},
    }


@dataclass
class Study:
    """A study's trials as the engine sees them."""

    spec: TuningStudySpec
    trials: list[TrialView] = field(default_factory=list)
    chance: Random = field(default_factory=lambda: Random(0))

    def observed(self, parallelism: int) -> Observed:
        """What `plan` sees now, were this the parallelism."""
        return Observed(self.spec.model_copy(update={"parallelism": parallelism}), tuple(self.trials))

    def apply(self, planned: Plan) -> None:
        """Do what a plan asks for."""
        for action in planned.actions:
            match action:
                case Start():
                    assert action.number == len(self.trials)
                    self.trials.append(self._made(action))
                case Promote(name, target_steps):
                    self._change(name, target_steps=target_steps, has_pod=True)
                case SetDesired(name, desired):
                    self._change(name, desired=desired)
                case Stop(name, outcome):
                    self._change(name, desired=Desired.STOP, stopping=outcome, outcome=outcome, has_pod=False)

    def training(self) -> Iterator[TrialView]:
        """The trials that train now."""
        return (trial for trial in self.trials if trial.has_pod)

    def targets(self) -> dict[str, int]:
        """How far each trial may train."""
        return {trial.name: trial.target_steps for trial in self.trials}

    def finish_one(self) -> TrialView:
        """Any one of the segments that are under way ends."""
        return self.finish(self.chance.choice(list(self.training())))

    def finish(self, trial: TrialView) -> TrialView:
        """The trial's segment ends: its curve goes on to its target, evaluated a few times on the way."""
        steps = range(trial.steps + 1, trial.target_steps + 1)
        evaluated = (*steps[:: max(1, len(steps) // EVALUATIONS)], trial.target_steps)
        seen = {step: self._value(trial, step) for step in evaluated}
        results = {**trial.results, **seen}
        best = min(results.items(), key=lambda at: at[1])
        ended = trial.target_steps == trial.horizon_steps
        return self._change(
            trial.name,
            steps=trial.target_steps,
            trained_steps=trial.target_steps,
            gpu_seconds=float(trial.target_steps),
            results=results,
            best=Observation(step=best[0], value=best[1]),
            has_pod=False,
            outcome=Outcome.COMPLETED if ended else None,
        )

    def _value(self, trial: TrialView, step: int) -> float:
        return sum(float(v) for v in trial.parameters.values()) + 1 / step + self.chance.gauss(0, 0.1)

    def _made(self, start: Start) -> TrialView:
        return TrialView(
            name=f"study-{start.number}",
            number=start.number,
            round=start.round,
            bracket=start.bracket,
            configuration=start.configuration,
            repeat=start.repeat,
            parameters={f"p{i}": self.chance.random() for i in range(PARAMETERS)},
            target_steps=start.target_steps,
            horizon_steps=start.horizon_steps,
            has_pod=True,
        )

    def _change(self, name: str, **fields: Any) -> TrialView:
        number = int(name.removeprefix("study-"))
        self.trials[number] = replace(self.trials[number], **fields)
        return self.trials[number]
