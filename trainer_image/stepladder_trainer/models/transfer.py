"""Initial weights from a model that was trained before, in place of random ones."""

import logging
import pickle
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stepladder_trainer.checkpoints import Checkpoints, archive
from stepladder_trainer.checkpoints.store import open_store
from stepladder_trainer.outcomes import ConfigurationError

WRAPPERS = ("module.", "_orig_mod.")  # what DistributedDataParallel and torch.compile put in front of names
PLACES = (("parts", "model"), ("model",), ("state_dict",))  # where files keep the weights, ours first

logger = logging.getLogger(__name__)


def start_from(model: nn.Module, location: str) -> None:
    """Load the weights at `location` (see `weights_at`) into `model`, in place.

    The head, the module of that name or else the last linear or convolutional one, keeps its initial weights if it does
    not fit, and a line in the log says so. Raises ConfigurationError naming the first other tensor that does not.
    """
    found = weights_at(location)
    own = model.state_dict()
    head = _head(model)
    problems = {name: problem for name in (*own, *found) if (problem := _problem(name, own.get(name), found.get(name)))}
    for name, problem in problems.items():
        if not _within(name, head):
            raise ConfigurationError(
                f"the initial weights at {location} do not fit this model: {problem}; "
                "use those of a model with the same hyperparameters"
            )
    kept = {name for name in own if problems and _within(name, head)}
    if kept:
        logger.info("initial weights from %s, all but %s: %s", location, head, next(iter(problems.values())))
    else:
        logger.info("initial weights from %s", location)
    model.load_state_dict({name: own[name] if name in kept else found[name] for name in own})


def weights_at(location: str) -> dict[str, Tensor]:
    """The weights in a file or at a URL: a checkpoint of this trainer's, or what `torch.save(model.state_dict())`
    writes; or, at a directory of a trial's checkpoints (a URL that ends without a dot), the newest. No code in them is
    run.

    Raises ConfigurationError if there are none, StorageError if the storage fails.
    """
    content = _content(location)
    for place in PLACES:
        inner: Any = content
        for key in place:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(inner, Mapping):
            content = inner
            break
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise ConfigurationError(f"{location} holds no weights: name a checkpoint, or a file with a model's state_dict")
    return {_unwrapped(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _content(location: str) -> Any:
    parent, _, name = location.rpartition("/")
    if Path(location).is_dir() or ("://" in location and "." not in name):
        newest = Checkpoints(location).newest()
        if newest is None:
            raise ConfigurationError(f"there is no whole checkpoint in {location}: name another place")
        return newest[1]
    if "://" not in location and not Path(location).is_file():
        raise ConfigurationError(f"there are no initial weights at {location}: check the path and the volume")
    data = open_store(parent or ".").read(name)
    try:
        try:
            return archive.load(data)
        except archive.DamagedError:  # or not ours
            content = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError) as error:
        raise ConfigurationError(
            f"{location} cannot be read as weights ({type(error).__name__}): "
            "save plain tensors, with torch.save(model.state_dict(), path)"
        ) from error
    if isinstance(content, Mapping) and "identity" in content:
        raise ConfigurationError(f"{location} is damaged: name the checkpoint before it")
    return content


def _problem(name: str, own: Tensor | None, found: Tensor | None) -> str | None:
    """What is wrong with one tensor, if anything."""
    if own is None or found is None:
        return f"{name} is {'not in this model' if own is None else 'not among them'}"
    if own.shape != found.shape:
        return f"{name} has shape {tuple(found.shape)} there and {tuple(own.shape)} here"
    return None


def _head(model: nn.Module) -> str:
    named = dict(model.named_modules())
    weighted = [name for name, module in named.items() if isinstance(module, nn.Linear | nn.Conv2d)]
    return "head" if "head" in named or not weighted else weighted[-1]


def _within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def _unwrapped(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper)
    return name
