"""How many steps training takes (Deep Learning Tuning Playbook, "Algorithm for picking an initial candidate for
max_train_steps using a learning rate sweep")."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepladder_trainer.probes.verdict import Verdict

PERFECT = 0.0
"""The training error of a perfect fit where classes are told apart."""

NEARLY = 0.01
"""And of a regression: the part of the variance that is left unexplained."""


@dataclass(frozen=True)
class ConstantRun:
    """A run at a constant learning rate. `fitted_at`: the first step at which the training error was perfect, None if
    it ended before; `errors` on the training set after `steps`."""

    learning_rate: float
    fitted_at: int | None
    steps: tuple[int, ...]
    errors: tuple[float, ...]

    @property
    def least_error(self) -> float:
        """The best training error, infinite where none was measured."""
        return min((error for error in self.errors if error == error), default=float("inf"))


def choose(runs: Sequence[ConstantRun], steps: int) -> Verdict:
    """The steps of the fastest run to fit the training set, of runs of at most `steps`."""
    fitting = [(run.fitted_at, run.learning_rate) for run in runs if run.fitted_at is not None]
    lowest, highest = min(run.learning_rate for run in runs), max(run.learning_rate for run in runs)
    if fitting:
        fastest, rate = min(fitting)
        suggestions = {"max_train_steps": float(fastest), "learning_rate": rate}
        flags = []
        summary = (
            f"a constant learning rate of {rate:.3g} fits the training set perfectly after {fastest} steps: begin with"
            " that many, with more if regularisation or augmentation is added"
        )
    else:
        best = min(runs, key=lambda run: run.least_error)
        rate = best.learning_rate
        suggestions = {"learning_rate": rate}
        flags = ["NoneFits"]
        summary = (
            f"no learning rate fits the training set perfectly within {steps} steps, the best, {rate:.3g}, comes to an"
            f" error of {best.least_error:.3g}: raise maxSteps, or take a larger model"
        )
    if len(runs) > 1 and rate in (lowest, highest):
        flags.append("AtGridBoundary")
        direction = "lower" if rate == lowest else "higher"
        summary += f"; {rate:.3g} is at the boundary of the grid: try {direction} learning rates too"
    return Verdict("StepBudget", summary, suggestions, tuple(flags))
