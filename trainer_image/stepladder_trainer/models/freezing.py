"""Modules that training leaves as they are."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from stepladder_trainer.models.normalisation import is_batch_norm
from stepladder_trainer.outcomes import ConfigurationError

ALL_BUT = "all but "


def freeze(model: nn.Module, wanted: str) -> None:
    """Take the modules that `wanted` names out of training: no gradients, and batch normalisation by its running
    statistics, which then stay.

    `wanted` is `none`, or names or globs of modules or parameters with commas between (`body.0, stages.*`), of which
    each takes in all that is inside; or `all but` such a list. Raises ConfigurationError if one names nothing, or
    nothing is left to train.
    """
    if wanted.strip() == "none":
        return
    patterns = [pattern.strip() for pattern in wanted.removeprefix(ALL_BUT).split(",")]
    names = [name for name, _ in (*model.named_modules(), *model.named_parameters()) if name]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            children = [name for name, _ in model.named_children()]
            parts = ", ".join(children or (name for name, _ in model.named_parameters()))
            raise ConfigurationError(f"freeze names {pattern!r}, which this model does not have: its parts are {parts}")
    spared = wanted.startswith(ALL_BUT)
    for name, parameter in model.named_parameters():
        if _inside(name, patterns) != spared:
            parameter.requires_grad = False
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigurationError(f"freeze={wanted!r} leaves nothing to train: freeze less")
    for name, module in model.named_modules():
        if is_batch_norm(module) and _inside(name, patterns) != spared:
            module.register_forward_pre_hook(_rest)


def _inside(name: str, patterns: Sequence[str]) -> bool:
    """Whether `name`, or a module that holds it, is meant."""
    parts = name.split(".")
    holders = [".".join(parts[: depth + 1]) for depth in range(len(parts))]
    return any(fnmatchcase(holder, pattern) for holder in holders for pattern in patterns)


def _rest(module: nn.Module, _: Any) -> None:
    """Before every forward pass, since `model.train()` wakes all modules."""
    module.eval()
