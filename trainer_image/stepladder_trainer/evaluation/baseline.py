"""What a model has to beat: a result is reasonable where it is much better than chance (Deep Learning Tuning Playbook,
"Choosing the initial configuration")."""

import logging
from collections.abc import Mapping

from stepladder_trainer.data.sampling import classes_of
from stepladder_trainer.tasks.task import Task

logger = logging.getLogger(__name__)


def chance(task: Task) -> float | None:
    """The `validation_error` of the best answer that is the same for all examples: of a classification, the most
    frequent class. None where neither the task says it nor its data set without being read."""
    if task.chance is not None:
        return task.chance
    labels = classes_of(task.validation) if task.classes else None
    return None if labels is None else 1 - int(labels.bincount().max()) / len(labels)


def remark(task: Task, metrics: Mapping[str, float]) -> str | None:
    """A sentence for a trial that ends no better than chance, which the log gets too."""
    bar, error = chance(task), metrics["validation_error"]
    if bar is None or error < bar:
        return None
    sentence = (
        f"validation_error {error:.3g} is no better than the {bar:.3g} of always giving the same answer: look at data,"
        " labels and learning rate before searching further"
    )
    logger.warning("%s", sentence)
    return sentence
