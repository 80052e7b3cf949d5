"""What our own trainer can train, known without importing PyTorch, so that a wrong name is refused at once."""

from dataclasses import dataclass

from stepladder_trainer.outcomes import ConfigurationError

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam", "nadam")
SCHEDULES = ("constant", "linear", "cosine")
METRICS = ("validation_error", "validation_loss")


@dataclass(frozen=True)
class TaskEntry:
    """A task: what its models are called, the default first."""

    summary: str
    models: tuple[str, ...]


TASKS = {
    "digits": TaskEntry("8x8 images of handwritten digits, 10 classes, 1438 for training", ("mlp", "cnn")),
    "breast_cancer": TaskEntry("30 measurements of cell nuclei, 2 classes, 456 for training", ("mlp",)),
    "diabetes": TaskEntry("10 measurements of patients, regression, 354 for training", ("mlp",)),
    "quadratic": TaskEntry("a noisy bowl in 8 dimensions with curvatures 1 to 10: unstable above 0.2", ("point",)),
}
MODELS = ("mlp", "cnn", "point")


def task_entry(task: str) -> TaskEntry:
    """The entry of a task. Raises ConfigurationError naming the known ones."""
    if task not in TASKS:
        raise ConfigurationError(f"there is no task {task!r}: --task must be one of {', '.join(TASKS)}")
    return TASKS[task]
