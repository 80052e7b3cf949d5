"""A checkpoint as the model that was evaluated in training: its task, its hyperparameters, its (averaged) weights."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from stepladder_trainer import tasks
from stepladder_trainer.data import Batch
from stepladder_trainer.data.examples import prepared
from stepladder_trainer.evaluation.evaluations import default_batch
from stepladder_trainer.hyperparameters import Hyperparameters, restored
from stepladder_trainer.learner import Learner
from stepladder_trainer.outcomes import ConfigurationError, Reason, reason_of
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.serving.answers import Answers, answers
from stepladder_trainer.serving.checkpoint import PARTS, Found
from stepladder_trainer.serving.inputs import stored
from stepladder_trainer.tasks import Task


@dataclass(frozen=True)
class Served:
    """A model that answers. Any thread may ask; one is answered at a time, since a model may keep notes as it runs."""

    found: Found
    task: Task
    point: Hyperparameters
    module: nn.Module
    device: torch.device
    _asked: threading.Lock = field(default_factory=threading.Lock)

    def predict(self, inputs: object) -> dict[str, Any]:
        """The answers to `inputs`, a JSON list of examples. Raises ValueError, with a sentence, for what is none."""
        examples = stored(inputs, self.task)
        largest = default_batch(self.task.shape, 1)
        found = Answers()
        for group in _alike(examples, largest):
            with self._asked, torch.inference_mode():
                batch = torch.stack(group).to(self.device)
                outputs = self.module(prepared(self.task.validation, Batch(batch, batch)).inputs)
            found += answers(outputs, self.task)
        return found.wire(self.task.classes)

    @property
    def about(self) -> dict[str, Any]:
        """What this is, as plain values."""
        identity = self.found.content["identity"]
        return {
            "trial": self.found.content.get("notes", {}).get("trial", "trial"),
            "task": identity["task"],
            "model": self.point.model.name,
            "step": self.found.step,
            "metrics": self.found.metrics,
            "parameters": dict(identity["parameters"]),
            "checkpoint": self.found.path,
            "classes": list(self.task.classes),
        }


@contextmanager
def loaded(
    found: Found, device: torch.device, *, data: str | None = None, task: Task | None = None
) -> Iterator[Served]:
    """The model of a checkpoint, on `device`, while the block runs. `data` says where its data lie now, if not where
    they did; or there is its `task` already.

    Raises ConfigurationError if the checkpoint is not one of our own trainer's, or does not fit it.
    """
    identity: Mapping[str, Any] = found.content["identity"]
    if "task" not in identity:
        raise ConfigurationError(
            f"{found.path} was written by other training code: only models of our own trainer can be served"
        )
    point = restored(identity["hyperparameters"])
    data = data or found.content.get("notes", {}).get("data")
    if task is None:
        task = tasks.load(identity["task"], tasks.Request(data, identity.get("options", {}), point, identity["seed"]))
    learner = Learner(task, point, Seeds(identity["seed"], point.seeds), device, identity["horizonSteps"])
    saved = found.content["parts"]
    try:
        for name in learner.parts.keys() & {*PARTS}:
            learner.parts[name].load_state_dict(saved[name])
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        if reason_of(error) is not Reason.ERROR:  # too little memory is a RuntimeError to PyTorch
            raise
        raise ConfigurationError(
            f"{found.path} does not fit its model ({type(error).__name__}: {error}): is --data what it was trained on, "
            "and the image that which trained it?"
        ) from error
    with learner.evaluated() as module:
        yield Served(found, task, point, module.eval(), device)


def _alike(examples: list[torch.Tensor], largest: int) -> Iterator[list[torch.Tensor]]:
    """Runs of examples that make one batch: of one shape, and not too many."""
    start = 0
    for place in range(1, len(examples) + 1):
        full = place - start == largest
        if place == len(examples) or full or examples[place].shape != examples[start].shape:
            yield examples[start:place]
            start = place
