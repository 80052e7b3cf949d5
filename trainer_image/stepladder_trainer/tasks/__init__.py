"""Tasks: data, the loss to train on, and what is measured. `catalog.TASKS` has their names."""

from dataclasses import replace

from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.registry import function, task_entry
from stepladder_trainer.tasks.checking import Options, check, check_options
from stepladder_trainer.tasks.task import Request, Task

__all__ = ["Request", "Task", "load"]


def load(name: str, request: Request | None = None) -> Task:
    """The task of that name. Raises ConfigurationError if there is none, its data is not there, or it is no task."""
    asked, source = request or Request(), task_entry(name).source
    options = Options(asked.options)
    task = function(source)(replace(asked, options=options))
    if not isinstance(task, Task):
        raise ConfigurationError(
            f"task {name} must return a stepladder_trainer.tasks.Task, not a {type(task).__name__}: see docs/trainer.md"
        )
    check_options(name, options)
    if not source.startswith("stepladder_trainer."):
        check(name, task)
    return task
