"""Whether an initial configuration is worth tuning: it has to be simple, and its result reasonable (Deep Learning
Tuning Playbook, "Choosing the initial configuration")."""

from collections.abc import Mapping
from dataclasses import dataclass

from stepladder_trainer.probes.verdict import Verdict

MUCH = 0.9
"""What is much better than chance has at most this part of its error. This number is ours, the playbook has none."""


@dataclass(frozen=True)
class BaselineRun:
    """One training of `trained` steps: the `validation_error` after `steps`, and of whoever always gives the same
    answer (`chance`, None where nobody knows). `beyond`: what it has that a first configuration need not have, by name.
    `period` and `diverged`: sentences, where there is one."""

    steps: tuple[int, ...]
    errors: tuple[float, ...]
    trained: int
    chance: float | None
    seconds_per_step: float | None
    beyond: Mapping[str, object]
    period: str | None = None
    diverged: str | None = None

    @property
    def best(self) -> tuple[float, int] | None:
        """The least error and its step, the first of equals."""
        return min(zip(self.errors, self.steps, strict=True), default=None)


def bar(run: BaselineRun, reasonable_error: float | None) -> float | None:
    """The greatest error that is reasonable: as given, else `MUCH` of chance."""
    if reasonable_error is not None or run.chance is None:
        return reasonable_error
    return MUCH * run.chance


def judge(run: BaselineRun, reasonable_error: float | None) -> Verdict:
    """Reasonable is what comes to the bar without diverging, and is better than chance."""
    limit = bar(run, reasonable_error)
    told = {
        "validation_error": run.best[0] if run.best else None,
        "best_step": run.best[1] if run.best else None,
        "chance": run.chance,
        "reasonable_error": limit,
        "steps": run.trained,
        "seconds_per_step": run.seconds_per_step,
    }
    summary, flags = _result(run, limit)
    if run.beyond:
        flags.append("NotSimple")
        extras = ", ".join(f"{name} {value}" for name, value in run.beyond.items())
        summary += f"; it is not simple yet, with {extras}: leave that for later, and begin at a constant learning rate"
    if run.period:
        flags.append("Periodic")
        summary += f"; {run.period}"
    suggestions = {name: float(value) for name, value in told.items() if value is not None}
    return Verdict("Baseline", summary, suggestions, tuple(flags))


def _result(run: BaselineRun, limit: float | None) -> tuple[str, list[str]]:
    if run.diverged or run.best is None:
        return f"not reasonable: {run.diverged or 'nothing was evaluated'}", ["Diverged", "NotReasonable"]
    error, step = run.best
    found = f"validation_error {error:.3g} after {step} of {run.trained} steps"
    chance = "" if run.chance is None else f"always giving the same answer has {run.chance:.3g}"
    remedy = "look at data, labels and learning rate, or train longer or a larger model, before searching further"
    if run.chance is not None and error >= run.chance:
        return f"{found} is not reasonable: {chance}: {remedy}", ["NoBetterThanChance", "NotReasonable"]
    if limit is None:
        return f"{found}, and what chance has is not known: say with reasonableError what is reasonable", [
            "ChanceUnknown"
        ]
    beside = f" ({chance})" if chance else ""
    if error > limit:
        return f"{found} is not reasonable, which would be at most {limit:.3g}{beside}: {remedy}", ["NotReasonable"]
    return f"{found} is reasonable, being at most {limit:.3g}{beside}", []
