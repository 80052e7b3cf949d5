"""Tasks and models by name: the catalog's, those that installed packages add, and any `module:attribute`.

A package adds some by entry points of the groups `stepladder.tasks` and `stepladder.models`; each names a function as
the catalog's entries do. A function may carry `hyperparameters`, a collection of further names that a study may set.
"""

import importlib
import importlib.metadata
from collections.abc import Callable
from typing import Any

from stepladder_trainer import catalog
from stepladder_trainer.catalog import ModelEntry, TaskEntry
from stepladder_trainer.outcomes import ConfigurationError


def task_entry(name: str) -> TaskEntry:
    """The task of that name. Raises ConfigurationError naming the known ones."""
    if name in catalog.TASKS:
        return catalog.TASKS[name]
    return TaskEntry(_source("stepladder.tasks", name, "task", tuple(catalog.TASKS)), "from outside this package")


def model_entry(name: str) -> ModelEntry:
    """The family of models of that name. Raises ConfigurationError naming the known ones."""
    if name in catalog.MODELS:
        return catalog.MODELS[name]
    if name.startswith(catalog.HUGGING_FACE):
        return ModelEntry("stepladder_trainer.models.huggingface:huggingface", "of Hugging Face's transformers")
    return ModelEntry(_source("stepladder.models", name, "model", tuple(catalog.MODELS)), "from outside this package")


def function(source: str) -> Callable[[Any], Any]:
    """The function at `module:attribute`, imported. Raises ConfigurationError if it is not there."""
    module, _, attribute = source.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{source} cannot be imported ({error}): is its package in the image, and on PYTHONPATH?"
        ) from error
    if not callable(found):
        raise ConfigurationError(f"{source} is no function or class: name one that makes a task or a model")
    return found  # type: ignore[no-any-return]  # whatever it returns is checked where it is used


def own_hyperparameters(source: str) -> frozenset[str]:
    """The names that the function at `source` declares beside the trainer's own; asked only of code from outside,
    since asking imports it."""
    if source.startswith("stepladder_trainer."):
        return frozenset()
    return frozenset(getattr(function(source), "hyperparameters", ()))


def _source(group: str, name: str, kind: str, ours: tuple[str, ...]) -> str:
    if ":" in name:
        return name
    added = {point.name: point.value for point in importlib.metadata.entry_points(group=group)}
    if name not in added:
        raise ConfigurationError(
            f"there is no {kind} {name!r}: name one of {', '.join((*ours, *sorted(added)))}, "
            "or module:function of your own"
        )
    return added[name]
