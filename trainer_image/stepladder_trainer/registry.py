"""Tasks and models by name: the catalog's, those that installed packages add, and any `module:attribute`.

A package adds some by entry points of the groups `stepladder.tasks` and `stepladder.models`; each names a function as
the catalog's entries do. A function may carry `hyperparameters`, a collection of further names that a study may set.
"""

import importlib
import importlib.metadata
import inspect
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from stepladder_trainer import catalog
from stepladder_trainer.catalog import ModelEntry, TaskEntry
from stepladder_trainer.outcomes import ConfigurationError


def task_entry(name: str) -> TaskEntry:
    """The task of that name. Raises ConfigurationError naming the known ones."""
    if name in catalog.TASKS:
        return catalog.TASKS[name]
    source = _source("stepladder.tasks", name, "task", tuple(catalog.TASKS))
    return TaskEntry(source, "from outside this package", reads_data=True)


def model_entry(name: str) -> ModelEntry:
    """The family of models of that name. Raises ConfigurationError naming the known ones."""
    if name in catalog.MODELS:
        return catalog.MODELS[name]
    if name.startswith(catalog.HUGGING_FACE):
        return ModelEntry("stepladder_trainer.models.huggingface:huggingface", "of Hugging Face's transformers")
    return ModelEntry(_source("stepladder.models", name, "model", tuple(catalog.MODELS)), "from outside this package")


def function(source: str) -> Callable[[Any], Any]:
    """The function at `module:attribute`, imported. Raises ConfigurationError if it is not there, if its module fails,
    or if it takes no request."""
    module, _, attribute = source.partition(":")
    try:
        found = getattr(_imported(module, source), attribute)
    except AttributeError as error:
        raise ConfigurationError(f"{source} is not there ({error}): correct its name") from error
    if not callable(found):
        raise ConfigurationError(f"{source} is no function or class: name one that makes a task or a model")
    if not _takes_a_request(found):
        raise ConfigurationError(f"{source} must be called with one argument, the request: give it that")
    return found  # type: ignore[no-any-return]  # whatever it returns is checked where it is used


def own_hyperparameters(source: str) -> frozenset[str]:
    """The names that the function at `source` declares beside the trainer's own; asked only of code from outside,
    since asking imports it."""
    if source.startswith("stepladder_trainer."):
        return frozenset()
    return frozenset(getattr(function(source), "hyperparameters", ()))


def _imported(module: str, source: str) -> ModuleType:
    """The module of other people's code, which may raise anything as it is imported."""
    if not module:
        raise ConfigurationError(f"{source!r} names no module: write module:function")
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigurationError(
            f"{source} cannot be imported ({error}): is its package in the image, and on PYTHONPATH?"
        ) from error
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = "" if isinstance(error, SyntaxError) else f" at {last.filename}, line {last.lineno}"  # which says it
        raise ConfigurationError(
            f"{source} cannot be imported, as its module fails ({type(error).__name__}: {error}{where}): repair it"
        ) from error


def _takes_a_request(found: Callable[..., Any]) -> bool:
    try:
        inspect.signature(found).bind(None)
    except TypeError:
        return False
    except ValueError:  # written in C: nobody knows
        return True
    return True


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
