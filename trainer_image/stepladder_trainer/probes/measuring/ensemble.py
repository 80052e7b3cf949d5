"""Several trained models on one set of data: each alone, the first k together, and one model of their mean weights.

Together they say the mean of their probabilities (Lakshminarayanan, Pritzel and Blundell 2017, arXiv 1612.01474), of
what is no class the mean of their outputs. One model with the mean of the weights costs no more than any of them: a
uniform soup (Wortsman et al. 2022, arXiv 2203.05482), good where the trainings began from the same weights.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from stepladder_trainer.contract import Member
from stepladder_trainer.data import Dataset
from stepladder_trainer.outcomes import ConfigurationError, TrialError
from stepladder_trainer.probes.decisions.ensemble import Scores
from stepladder_trainer.probes.measuring.bench import Bench
from stepladder_trainer.serving.checkpoint import Found, find
from stepladder_trainer.serving.model import Served, loaded
from stepladder_trainer.tasks.task import Measure

AVERAGE = "averaged weights"
TOGETHER = "together"


def measure(bench: Bench, members: Sequence[Member], dataset: Dataset, name: str) -> Scores:
    """All of it in one pass over `dataset`, which is `name` in what trials have recorded. Every model is in memory.

    Raises ConfigurationError where a member's checkpoint is gone, or another task's; InterruptedProbe when the trial is
    asked to stop.
    """
    with ExitStack() as models:
        found: list[Found] = []
        served: list[Served] = []
        for member in members:
            bench.check_signal()
            found.append(_found(bench, member))
            served.append(models.enter_context(loaded(found[-1], bench.device, task=bench.task)))
            if len(found) > 1:  # the first is loaded once more, as what the mean is put into
                _forget(found[-1])
        modules = [each.module for each in served]
        alike = len(served) > 1 and _alike(served)
        if alike:
            model = models.enter_context(loaded(found[0], bench.device, task=bench.task)).module
            modules.append(averaged(model, [each.module for each in served]))
        _forget(found[0])
        panel = _Panel(modules, bench.check_signal)
        judged = bench.evaluator(dataset, jointly(bench.task.measure, len(members))).metrics(panel)
    derived = bench.task.derived or (lambda _: {})

    def of(who: str) -> dict[str, float]:
        own = {key.removeprefix(f"{who}/"): value for key, value in judged.items() if key.startswith(f"{who}/")}
        return own | dict(derived(own))

    return Scores(
        of=name,
        trials=tuple(member.trial for member in members),
        recorded=tuple(_recorded(bench, each, name) for each in found),
        alone=tuple(of(f"member {place}") for place in range(len(members))),
        together=tuple(of(f"{TOGETHER} {count}") for count in range(1, len(members) + 1)),
        averaged_weights=of(AVERAGE) if alike else None,
    )


def jointly(task: Measure, count: int) -> Measure:
    """What `task` measures of each of `count` models' outputs, of the first k together for every k, and of the outputs
    after theirs, if there are any, which are those of the averaged weights. Under its own names: of all together."""

    def measured(outputs: Sequence[Any], targets: Tensor) -> Mapping[str, Tensor]:
        judged = {f"member {place}": outputs[place] for place in range(count)}
        judged |= {f"{TOGETHER} {k}": mixed(outputs[:k], targets) for k in range(1, count + 1)}
        judged |= dict(zip([AVERAGE], outputs[count:], strict=False))
        values = {who: task(said, targets) for who, said in judged.items()}
        named = {f"{who}/{name}": each for who, found in values.items() for name, each in found.items()}
        return {**values[f"{TOGETHER} {count}"], **named}

    return measured


def mixed(outputs: Sequence[Any], targets: Tensor) -> Any:
    """What several models say together: of one what it says itself; of classes (integral `targets`) the logarithms of
    the mean of their probabilities; of numbers the mean. In double precision. A tuple's fields are mixed one by one.

    Raises ConfigurationError for outputs that are neither.
    """
    first = outputs[0]
    if len(outputs) == 1:
        return first
    if isinstance(first, tuple) and hasattr(first, "_make"):
        return first._make(mixed(parts, targets) for parts in zip(*outputs, strict=True))
    if not isinstance(first, Tensor):
        raise ConfigurationError(f"models that say a {type(first).__name__} have no mean: an ensemble needs tensors")
    said = torch.stack([each.double() for each in outputs])
    if targets.is_floating_point():
        return said.mean(0)
    return said.log_softmax(_classes(first, targets)).logsumexp(0) - math.log(len(outputs))


def averaged(model: nn.Module, modules: Sequence[nn.Module]) -> nn.Module:
    """`model` with the mean of the weights and floating-point buffers of `modules`; other buffers stay its own."""
    states = [module.state_dict() for module in modules]
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(value) if _floating(value) else value
        for name, value in model.state_dict().items()
    }
    model.load_state_dict(mean)
    return model


class _Panel(nn.Module):
    """Models that are shown the same inputs, `before` which something is called."""

    def __init__(self, modules: Sequence[nn.Module], before: Callable[[], None]) -> None:
        super().__init__()
        self.modules_ = nn.ModuleList(modules)
        self._before = before

    def forward(self, inputs: Any) -> list[Any]:
        """What each of them says."""
        self._before()
        return [module(inputs) for module in self.modules_]


def _found(bench: Bench, member: Member) -> Found:
    try:
        found = find(member.checkpoint)
    except TrialError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise ConfigurationError(
                f"the checkpoint of {member.trial} is gone from {member.checkpoint}: a study's checkpoints have to stay"
                " until its ensembles are done; apply the study again"
            ) from error
        raise
    identity, plan = found.content["identity"], bench.plan
    if "task" in identity and (identity["task"], dict(identity["options"])) != (plan.task, dict(plan.options)):
        raise ConfigurationError(
            f"{member.trial} was trained on task {identity['task']} and the ensemble is judged on {plan.task}, or with"
            " other options: give the study one template"
        )
    return found


def _forget(found: Found) -> None:
    """Let go of weights that are in a model by now."""
    found.content["parts"].clear()


def _recorded(bench: Bench, found: Found, name: str) -> dict[str, float]:
    """What its training has said of the set `name`; nothing where that was of a sample, as it is before the horizon."""
    sampled = 0 < bench.plan.evaluation.sample < len(bench.task.validation)
    if sampled and found.step < found.content["identity"]["horizonSteps"]:
        return {}
    return {key: value for key, value in found.metrics.items() if key.startswith(name)}


def _alike(served: Sequence[Served]) -> bool:
    """Whether weights of the same name mean the same in all of them, so that their mean is a model's. Running
    statistics of batches do not: their mean belongs to no model, and those of the mean of the weights would take a
    pass over the training data (Izmailov et al. 2018, arXiv 1803.05407, section 3.2)."""
    families = [replace(each.point.model, dropout=0.0) for each in served]
    shapes = [{name: value.shape for name, value in each.module.state_dict().items()} for each in served]
    if any(name.rpartition(".")[2] == "running_mean" for name in shapes[0]):
        return False
    return all(family == families[0] for family in families) and all(shape == shapes[0] for shape in shapes)


def _classes(outputs: Tensor, targets: Tensor) -> int:
    """Along which dimension of the stacked outputs the classes lie: the last, or that after the examples."""
    if outputs.shape[:-1] == targets.shape:
        return -1
    if outputs.shape[:1] + outputs.shape[2:] == targets.shape:
        return 2
    raise ConfigurationError(
        f"outputs of shape {tuple(outputs.shape)} are no classes for targets of shape {tuple(targets.shape)}, so that"
        " their probabilities have no mean"
    )


def _floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()
