"""Advice on comparing batch sizes: by the steps that each takes to one target, never under one budget of epochs.

Shallue et al. 2019 (arXiv 1811.03600), "Solution Quality Depends on Compute Budget More Than Batch Size"; the Tuning
Playbook, "Choosing the batch size to minimize training time".
"""

from collections.abc import Iterator

from stepladder.api.study import Role, TuningStudySpec
from stepladder.engine.validation.parameters import BATCH_SIZES, LEARNING_RATES
from stepladder.engine.validation.problem import Problem

EQUAL = 1.1  # budgets of epochs are whole steps, and so never quite the same


def batch_size_advice(spec: TuningStudySpec) -> Iterator[Problem]:
    """Of a study that compares batch sizes: between its scientific settings, or between its rounds."""
    compared = [i for i, p in enumerate(spec.parameters) if p.role is Role.SCIENTIFIC and _names_one(p.name)]
    searched = [p.name for p in spec.parameters if p.role is Role.NUISANCE]
    if compared and not any(name.rpartition(".")[2] in LEARNING_RATES for name in searched):
        yield Problem(
            f"spec.parameters[{compared[0]}]",
            "with each batch size the learning rate has another optimum, so that at one rate unlike things are"
            " compared: give learning_rate a range, which every size then searches anew",
        )
    if compared and spec.objective.target is not None:
        yield Problem(
            "spec.objective.target",
            "the study ends with the first trial that meets it, before other batch sizes have come there: remove it,"
            " and give --target to `stepladder batch-scaling`",
        )
    stated = {p.name: p.value for p in spec.parameters if p.role is Role.FIXED}
    budgets: dict[float, int] = {}
    for index, round_ in enumerate(spec.rounds):
        values = stated | {fixed.name: fixed.value for fixed in round_.parameters}
        batch = next((v for n, v in values.items() if _names_one(n) and isinstance(v, int | float)), None)
        if batch is None or batch <= 0 or round_.probe is not None or round_.from_ is not None:
            continue
        budgets.setdefault(batch, round_.max_steps)
        epochs = [size * steps for size, steps in budgets.items()]
        if len(set(budgets.values())) > 1 and max(epochs) <= EQUAL * min(epochs):
            yield Problem(
                f"spec.rounds[{index}].maxSteps",
                f"batch sizes {', '.join(f'{size:g}' for size in budgets)} are compared under one budget of epochs,"
                " which gives the larger fewer updates: give all the same maxSteps, and compare the steps to a target",
            )
            return


def _names_one(name: str) -> bool:
    return name.rpartition(".")[2] in BATCH_SIZES
