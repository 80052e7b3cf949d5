"""Trials with the values that they have reported so far."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from stepladder.api.trial import Observation, Outcome
from stepladder.engine.ladder import Ladder
from stepladder.engine.observed import TrialView

LADDER = Ladder((50,), 1000, 3)


def reported(
    at: Sequence[int], number: int, *values: float, target: int = 0, outcome: Outcome | None = None
) -> TrialView:
    """A trial with these values at the first of the steps `at`, the last of which is its horizon; lower is better where
    `best` is concerned. It is paused at its last value unless `target` says otherwise."""
    results = dict(zip(at, values, strict=False))
    steps = max(results, default=0)
    best = min(results, key=lambda step: results[step], default=0)
    target = target or steps or at[0]
    return TrialView(
        name=f"t{number}",
        number=number,
        round="r",
        bracket=0,
        configuration=number,
        repeat=0,
        parameters={},
        target_steps=target,
        horizon_steps=at[-1],
        outcome=outcome,
        results=results,
        steps=steps,
        best=Observation(step=best, value=results[best]) if results else None,
        has_pod=outcome is None and steps < target,
    )


climbing = partial(reported, range(1, 51), target=50)
"""One that runs to the only rung of `LADDER`, and reports at every step."""


def named(study: str, trial: TrialView) -> TrialView:
    """The same trial, of another study."""
    return replace(trial, name=f"{study}-{trial.number}")
