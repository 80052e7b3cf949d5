"""Whether somebody's task is one: what would otherwise fail in the middle of training, without a word of why."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from stepladder_trainer.contract import Scalar
from stepladder_trainer.data.examples import Dataset
from stepladder_trainer.data.sampling import classes_of
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks.task import Task


class Options(Mapping[str, Scalar]):
    """--option as a task reads them. `unread`: those that it has not looked at."""

    def __init__(self, given: Mapping[str, Scalar]) -> None:
        self._given = given
        self.unread = set(given)

    def __getitem__(self, name: str) -> Scalar:
        self.unread.discard(name)
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


def check_options(name: str, options: Options) -> None:
    """Raises ConfigurationError for an option that task `name` has not looked at: mistyped, it would be without effect
    and without a word."""
    if options.unread:
        unread = min(options.unread)
        raise ConfigurationError(f"--option {unread}: task {name} does not read it: correct its name or leave it out")


def check(name: str, task: Task) -> None:
    """Raises ConfigurationError where its parts do not fit together, as far as that shows without reading more than an
    example of each set."""
    for part, dataset in (("training", task.training), ("validation", task.validation), ("test", task.test)):
        if dataset is None:
            continue
        if len(dataset) == 0:
            raise ConfigurationError(f"task {name} has no {part} examples: give it some" + _or_none(part))
        _check_targets(name, part, dataset, len(task.classes))
        if getattr(dataset, "prepare", None) is None:
            _check_shape(name, part, dataset, task.shape.example)


def check_measures(values: Any, examples: int) -> None:
    """Raises ConfigurationError unless `values` are what `Task.measure` is to say of as many examples."""
    if not isinstance(values, Mapping) or not {"error", "loss"} <= set(values):
        named = f"only {', '.join(map(str, values))}" if isinstance(values, Mapping) else f"a {type(values).__name__}"
        raise ConfigurationError(f"the task's measure must return error and loss by name, not {named}: add them")
    for name, found in values.items():
        if not isinstance(found, Tensor) or found.shape[:1] != (examples,) or found.numel() != examples:
            shape = f"of shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
            raise ConfigurationError(
                f"the task's measure must return a value of {name} for each of {examples} examples, not {shape}: "
                "leave the mean to evaluation"
            )


def check_outputs(outputs: Any, task: Task) -> None:
    """Raises ConfigurationError where a model's outputs have no place for some of the task's classes."""
    classes = len(task.classes)
    if isinstance(outputs, Tensor) and classes and (outputs.ndim < 2 or outputs.shape[1] < classes):
        raise ConfigurationError(
            f"the model's outputs have shape {tuple(outputs.shape)}, and the task has {classes} classes: let it return "
            "(batch, classes), as Request.shape.outputs says"
        )


def why_no_gradient(loss: Any) -> str | None:
    """What is wrong with a loss that could not be followed back to the weights, if that is known."""
    if not isinstance(loss, Tensor):
        return f"the task's loss must be a tensor, not a {type(loss).__name__}"
    if loss.numel() != 1:
        return f"the task's loss must be one number, the mean over the batch, and has shape {tuple(loss.shape)}"
    if not loss.requires_grad:
        return (
            "the task's loss does not depend on the model's weights: compute it from the outputs, without detach(), "
            "item() or no_grad()"
        )
    return None


def _check_targets(name: str, part: str, dataset: Dataset, classes: int) -> None:
    targets = classes_of(dataset) if classes else None
    if targets is None:
        return
    least, most = (int(value) for value in targets.aminmax())
    if least < 0 or most >= classes:
        raise ConfigurationError(
            f"task {name}: {part} targets go from {least} to {most}, and its {classes} classes from 0 to {classes - 1}:"
            " name all classes, or correct the targets"
        )


def _check_shape(name: str, part: str, dataset: Dataset, shape: tuple[int, ...]) -> None:
    found = tuple(dataset[0][0].shape)
    if found != shape:
        raise ConfigurationError(
            f"task {name}: the first {part} example has shape {found}, and Task.shape says {shape}: correct one of them"
        )


def _or_none(part: str) -> str:
    return ", or leave test out" if part == "test" else ""
