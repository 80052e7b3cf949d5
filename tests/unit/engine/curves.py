"""Trials that have reported at steps 1, 2, 3, ... of a ladder of one rung, or at the rungs of a ladder of several."""

from dataclasses import replace

from stepladder.api.trial import Observation, Outcome
from stepladder.engine.ladder import Ladder
from stepladder.engine.observed import TrialView

LADDER = Ladder((50,), 1000, 3)


def climbing(number: int, *values: float, outcome: Outcome | None = None, top: int = 50) -> TrialView:
    """A trial that runs, with these values so far; lower is better where `best` is concerned."""
    results = dict(enumerate(values, start=1))
    step = min(results, key=lambda step: results[step], default=0)
    return TrialView(
        name=f"t{number}",
        number=number,
        round="r",
        bracket=0,
        configuration=number,
        repeat=0,
        parameters={},
        target_steps=top,
        horizon_steps=top,
        outcome=outcome,
        results=results,
        steps=len(values),
        best=Observation(step=step, value=results[step]) if results else None,
        has_pod=outcome is None,
    )


def on_rungs(ladder: Ladder, number: int, *values: float, target: int = 0, outcome: Outcome | None = None) -> TrialView:
    """A trial with these results at the lowest rungs, paused at the last of them unless `target` says otherwise."""
    results = dict(zip(ladder.rungs, values, strict=False))
    return TrialView(
        name=f"t{number}",
        number=number,
        round="r",
        bracket=0,
        configuration=number,
        repeat=0,
        parameters={},
        target_steps=target or max(results, default=ladder.rungs[0]),
        horizon_steps=ladder.rungs[-1],
        outcome=outcome,
        results=results,
        steps=max(results, default=0),
    )


def named(study: str, trial: TrialView) -> TrialView:
    """The same trial, of another study."""
    return replace(trial, name=f"{study}-{trial.number}")
