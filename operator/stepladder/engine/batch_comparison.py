"""Whether batch sizes were compared fairly: each with a learning rate of its own, and under which budget.

Shallue et al. 2019 (arXiv 1811.03600), "Solution Quality Depends on Compute Budget More Than Batch Size": a budget of
epochs leaves large batches few updates, one of steps leaves small batches few examples. What compares sizes is the
steps that each takes to one target.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from stepladder.api.study import Role, TuningStudySpec
from stepladder.api.trial import Outcome
from stepladder.engine.batch_scaling import BatchScaling, Size
from stepladder.engine.observed import TrialView
from stepladder.engine.validation.parameters import BATCH_SIZES, LEARNING_RATES

COARSE: Final = 0.25  # of the steps to the target, between two evaluations: ours
EQUAL: Final = 0.1  # budgets that differ by no more are one: ours


def objections(spec: TuningStudySpec, found: BatchScaling) -> Iterator[str]:
    """What to mend before the comparison is believed, the gravest first."""
    yield from _budgets(found)
    yield from _ends(spec, found)
    yield from _learning_rates(found)
    coarse = [s for s in found.sizes if s.reached and s.reached.steps - s.reached.since > COARSE * s.reached.steps]
    if coarse:
        yield (
            f"at batch size {_listed(coarse)} the steps to the target are known but roughly, since there was no"
            " evaluation shortly before: evaluate more often, or name a target that takes longer"
        )


def _budgets(found: BatchScaling) -> Iterator[str]:
    budgets = {size.batch: max(trial.horizon_steps for trial in size.trials) for size in found.sizes}
    late = [size for size in found.sizes if size.reached is None]
    if _alike(list(budgets.values())):
        if late:
            yield (
                f"batch size {_listed(late)} did not reach the target within the budget of steps, in which small"
                " batches see fewer examples: that is no verdict on the size; raise maxSteps, or name an easier target"
            )
    elif _alike([batch * steps for batch, steps in budgets.items()]):
        yield (
            "the sizes were compared under one budget of epochs, which gives a batch twice as large half of the"
            " updates: objectives do not compare, and a size that did not reach the target may only have lacked"
            " steps; give all sizes the same maxSteps"
        )
    else:
        told = ", ".join(f"{batch}: {steps:,}" for batch, steps in budgets.items())
        yield (
            f"the sizes were trained for different numbers of steps ({told}), so that objectives do not compare, nor do"
            " schedules that end with the training: give all sizes the same maxSteps"
        )


def _ends(spec: TuningStudySpec, found: BatchScaling) -> Iterator[str]:
    trials = [trial for size in found.sizes for trial in size.trials]
    if unfinished := sum(not trial.ended for trial in trials):
        yield f"{unfinished} trials have not ended: look again when they have"
    if spec.objective.target is not None and any(trial.fate is Outcome.STOPPED for trial in trials):
        yield (
            "the study ended when the first trial met objective.target, and others were stopped on their way there:"
            " remove it from the study, and give --target to this report"
        )
    scientific = {p.name for p in spec.parameters if p.role is Role.SCIENTIFIC}
    pruned = [size for size in found.sizes if any(trial.fate is Outcome.PRUNED for trial in size.trials)]
    if pruned and not any(name.rpartition(".")[2] in BATCH_SIZES for name in scientific):
        yield (
            "sizes competed at the same steps, where small batches have seen fewer examples, and were pruned for it at"
            f" {_listed(pruned)}: give batch_size role: Scientific, so that each has a search of its own"
        )


def _learning_rates(found: BatchScaling) -> Iterator[str]:
    rates = {size.batch: {rate for trial in size.trials if (rate := _rate(trial)) is not None} for size in found.sizes}
    untuned = [size for size in found.sizes if len(rates[size.batch]) == 1]
    if untuned:
        yield (
            f"at batch size {_listed(untuned)} one learning rate alone was tried, and each size has a best one of its"
            " own: search it anew at each"
        )
    edges = [
        size
        for size in found.sizes
        if len(rates[size.batch]) > 1
        and (rate := _rate(size.reached.trial if size.reached else size.best)) is not None
        and rate in (min(rates[size.batch]), max(rates[size.batch]))
    ]
    if edges:
        yield (
            f"at batch size {_listed(edges)} the best learning rate is the smallest or the largest that was tried, and"
            " one beyond may be quicker: widen its range"
        )


def _rate(trial: TrialView) -> float | None:
    values = (v for name, v in trial.parameters.items() if name.rpartition(".")[2] in LEARNING_RATES)
    return next((float(value) for value in values if isinstance(value, int | float)), None)


def _alike(budgets: Sequence[float]) -> bool:
    return max(budgets) <= (1 + EQUAL) * min(budgets)


def _listed(sizes: Sequence[Size]) -> str:
    return ", ".join(str(size.batch) for size in sizes)
