"""Whether instability is what limits the learning rate: training above the best one, looked at after every step (Deep
Learning Tuning Playbook, "Identifying unstable workloads")."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepladder_trainer.probes.decisions import clipping
from stepladder_trainer.probes.decisions.stability import Stability, classify, described
from stepladder_trainer.probes.verdict import Verdict

REMEDIES = (
    "warmup",
    "gradient clipping",
    "another optimizer",
    "normalisation inside the residual branch, x + f(norm(x))",
    "a residual branch that starts at zero",
    "a lower learning rate",
)
"""The playbook's, in its order. The third and fourth are for models that have residual branches."""


@dataclass(frozen=True)
class FactorRun:
    """A run at `factor` times the configuration's learning rate: the loss after `steps`, and the gradient's norm at
    every update, unclipped."""

    factor: float
    learning_rate: float
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    gradient_norms: tuple[float, ...]

    @property
    def stability(self) -> Stability:
        """What its loss says."""
        return classify(self.steps, self.losses)


def judge(runs: Sequence[FactorRun], *, clipped_at: float = 0.0) -> Verdict:
    """Whether one of `runs` is unstable, from where on, and what to try. `clipped_at`: what gradients are clipped at
    now, 0 if they are not."""
    norms = min(runs, key=lambda run: run.factor).gradient_norms  # those of the run that is nearest to real training
    threshold = clipping.percentile(norms)
    suggestions = {"gradient_clip": threshold}
    flags: list[str] = []
    unstable = [run for run in sorted(runs, key=lambda run: run.factor) if not run.stability.stable]
    if unstable:
        lowest = unstable[0]
        flags.append("Unstable")
        suggestions |= {"unstable_learning_rate": lowest.learning_rate, "unstable_factor": lowest.factor}
        summary = (
            f"at {lowest.factor:g} times the learning rate, {lowest.learning_rate:.3g}: {described(lowest.stability)};"
            f" what makes training stable will help: try, in this order, {', '.join(REMEDIES)}"
        )
    else:
        highest = max(run.factor for run in runs)
        summary = f"stable up to {highest:g} times the learning rate: instability does not limit this training"
    if clipped_at and clipping.clipped_too_often(norms, clipped_at):
        flags.append("ClippedTooOften")
        part = clipping.clipped_fraction(norms, clipped_at)
        summary += f"; {part:.0%} of the gradients are longer than gradient_clip {clipped_at:g}, which is another way"
        summary += " to lower the learning rate: lower that instead"
    stable = [run.factor for run in runs if run.stability.stable]
    if stable:
        suggestions["stable_factor"] = max(stable)
    return Verdict("Instability", summary, suggestions, tuple(flags))
