"""Tasks: data, the loss to train on, and what is measured. `catalog.TASKS` has their names."""

from stepladder_trainer.registry import function, task_entry
from stepladder_trainer.tasks.task import Request, Task

__all__ = ["Request", "Task", "load"]


def load(name: str, request: Request | None = None) -> Task:
    """The task of that name. Raises ConfigurationError if there is none, or its data is not there."""
    task = function(task_entry(name).source)(request or Request())
    if not isinstance(task, Task):
        raise TypeError(f"task {name} must be a stepladder_trainer.tasks.Task, not a {type(task).__name__}")
    return task
