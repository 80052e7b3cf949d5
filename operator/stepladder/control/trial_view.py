"""From a Trial's JSON to what the engine sees of it."""

from collections.abc import Iterable

from stepladder.api.conditions import ConditionType, is_true
from stepladder.api.trial import Desired, Observation, Outcome, TrialSpec, TrialStatus
from stepladder.control.store import Object
from stepladder.engine.observed import TrialView


def trial_view(trial: Object, scraped: Iterable[Observation] = ()) -> TrialView:
    """What the engine sees of a Trial; `scraped` is what its status may not hold yet."""
    spec = TrialSpec.model_validate(trial["spec"])
    status = TrialStatus.model_validate(trial.get("status", {}))
    results = {o.step: o.value for o in scraped if o.step < spec.target_steps}
    results |= {o.step: o.value for o in status.observations}
    return TrialView(
        name=trial["metadata"]["name"],
        number=spec.number,
        round=spec.round,
        bracket=spec.bracket,
        configuration=spec.configuration,
        repeat=spec.repeat,
        parameters=spec.parameters,
        target_steps=spec.target_steps,
        horizon_steps=spec.horizon_steps,
        desired=spec.desired,
        outcome=status.outcome,
        stopping=(spec.stop_reason or Outcome.STOPPED) if spec.desired is Desired.STOP else None,
        steps=status.steps,
        results=results,
        best=status.best,
        has_pod=status.pod is not None,
        waits_for_quota=is_true(status.conditions, ConditionType.QUOTA_EXCEEDED),
        trained_steps=status.trained_steps,
        gpu_seconds=status.gpu_seconds,
    )
