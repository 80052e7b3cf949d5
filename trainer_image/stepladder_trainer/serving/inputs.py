"""From JSON to examples as a task's data set holds them. What is wrong is a ValueError with a sentence."""

from typing import Any, Final

import torch
from torch import Tensor

from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.tasks import Task

MOST_INPUTS: Final = 4096  # of one request: two bytes of JSON may be an input


def stored(inputs: object, task: Task) -> list[Tensor]:
    """Each example of the list `inputs`: nested lists of numbers in the task's shape (or all of them in one list), a
    mapping from columns to values, or a text, as the task has it."""
    if not isinstance(inputs, list) or not inputs:
        raise ValueError('give {"inputs": [...]}, a list of at least one input')
    if len(inputs) > MOST_INPUTS:
        raise ValueError(f"a request may have up to {MOST_INPUTS} inputs, not {len(inputs)}: send several requests")
    units = task.units
    if units.records is not None:
        if not all(isinstance(each, dict) for each in inputs):
            raise ValueError("each input must be an object with the names of columns and their values")
        try:
            return list(units.records(inputs))
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
    if all(isinstance(each, str) for each in inputs):
        if units.written is None:
            raise ValueError(f"inputs must be numbers of shape {list(task.shape.example)}, not texts")
        return [units.written(each) for each in inputs]
    return list(_numbers(inputs, task))


def _numbers(inputs: list[Any], task: Task) -> Tensor:
    shape, like = task.shape, task.validation[0][0]
    exact = like.dtype if like.dtype in (torch.uint8, torch.long) else torch.float64
    try:
        found = torch.tensor(inputs, dtype=torch.float64)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise ValueError(f"inputs must be lists of numbers, each of shape {list(like.shape)}") from error
    if found.shape[1:] != like.shape and found.shape[1:] != (like.numel(),):
        raise ValueError(f"an input has shape {list(found.shape[1:])}, and this model reads {list(like.shape)}")
    if not torch.isfinite(found).all():
        raise ValueError("an input holds a number that is not finite")
    found = found.reshape(-1, *like.shape)
    if exact != torch.float64:
        last = 255 if exact == torch.uint8 else shape.vocabulary - 1
        if (found != found.round()).any() or found.min() < 0 or (last >= 0 and found.max() > last):
            raise ValueError(f"an input must hold whole numbers from 0 to {last}")
        return found.to(exact)
    return (found if task.units.scaled is None else task.units.scaled(found)).to(like.dtype)
