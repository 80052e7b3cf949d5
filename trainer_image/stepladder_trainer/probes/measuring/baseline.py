"""The initial configuration, trained like any other: the same loop, evaluations and checkpoints."""

from typing import Any

from stepladder_trainer.evaluation import baseline
from stepladder_trainer.hyperparameters import KNOWN, Hyperparameters
from stepladder_trainer.outcomes import InfeasibleError
from stepladder_trainer.plan import Plan
from stepladder_trainer.probes.decisions.baseline import BaselineRun
from stepladder_trainer.training import train
from stepladder_trainer.trial import Trial

EXTRAS = (
    "schedule",
    "warmup_steps",
    "warmup_fraction",
    "dropout",
    "weight_decay",
    "l1",
    "l2",
    "label_smoothing",
    "gradient_clip",
    "gradient_clip_percentile",
    "averaging",
    "augmentation",
)
"""Hyperparameters that are off by default, and can be added later."""


class Pace:
    """How fast training was, which a probe that has trained to its end says again when it is asked again."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._before = 0.0

    @property
    def examples_per_second(self) -> float:
        """As logged last, by this process or an earlier one; 0 if never."""
        return self._trial.numbers.get("examples_per_second", self._before)

    def state_dict(self) -> dict[str, Any]:
        """A part of the probe's checkpoints."""
        return {"examples_per_second": self.examples_per_second}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take a state over."""
        self._before = state["examples_per_second"]


def measure(trial: Trial, plan: Plan) -> BaselineRun | None:
    """Train `plan` to the trial's target; None if it was asked to stop before."""
    pace, beyond, diverged = Pace(trial), extras(plan.point), None
    chance, period, batch_size = None, None, plan.point.data.batch_size
    try:
        trained = train(trial, plan, pace=pace)
    except InfeasibleError as error:
        diverged = str(error)
    else:
        if trial.step < trial.target_steps:
            return None
        chance, period, batch_size = baseline.chance(trained.task), trained.period, trained.batch_size
    points = trial.history.values("validation_error")
    return BaselineRun(
        steps=tuple(step for step, _ in points),
        errors=tuple(error for _, error in points),
        trained=trial.step,
        chance=chance,
        seconds_per_step=batch_size / pace.examples_per_second if pace.examples_per_second else None,
        beyond=beyond,
        period=period,
        diverged=diverged,
    )


def extras(point: Hyperparameters) -> dict[str, object]:
    """Those of `EXTRAS` that `point` has, by name."""
    found = {}
    for name in EXTRAS:
        group, declared = KNOWN[name]
        value = getattr(getattr(point, group), declared.name)
        if value != declared.default:
            found[name] = value
    return found
