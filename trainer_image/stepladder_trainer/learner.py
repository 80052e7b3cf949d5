"""A model and what trains it: one optimizer update after another. The training loop and the probes share it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from stepladder_trainer import models, optimizers
from stepladder_trainer.data import Batch
from stepladder_trainer.hyperparameters import Hyperparameters
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.tasks import Task
from stepladder_trainer.trial import Part


@dataclass(frozen=True)
class Update:
    """What one optimizer update saw. `gradient_norm`: the L2 norm of the whole gradient, unclipped."""

    loss: float
    gradient_norm: float


class Learner:
    """The state of training. `parts` is all of it: a learner that took them over goes on bit for bit."""

    def __init__(self, task: Task, point: Hyperparameters, seeds: Seeds, device: torch.device) -> None:
        self.point = point
        self.device = device
        self._task = task
        self._seeds = seeds
        self._dropout = torch.Generator(device)
        initialisation = torch.Generator().manual_seed(seeds.initialisation)
        self.model: nn.Module = models.build(models.Request(task.shape, point, self._dropout), initialisation).to(
            device
        )
        self.optimizer = optimizers.build(self.model.parameters(), point.optimizer)

    @property
    def parts(self) -> dict[str, Part]:
        """What a checkpoint holds, by name."""
        return {"model": self.model, "optimizer": self.optimizer}

    def gradient(self, batch: Batch, step: int) -> Update:
        """Compute the gradient of `batch` for update `step`; the weights stay as they are."""
        self._dropout.manual_seed(self._seeds.dropout(step))
        self.optimizer.zero_grad()
        loss: Tensor = self._task.loss(
            self.model(batch.inputs), batch.targets, self.point.regularisation.label_smoothing
        )
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own lack
        return Update(loss.item(), self._gradient_norm())

    def apply(self, learning_rate: float) -> None:
        """Move the weights by the gradient, at `learning_rate`."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """A copy of the state of all parts, which further updates do not change."""
        return {name: _copy(part.state_dict()) for name, part in self.parts.items()}

    def restore(self, snapshot: dict[str, dict[str, Any]]) -> None:
        """Go back to a snapshot, bit for bit."""
        for name, part in self.parts.items():
            part.load_state_dict(_copy(snapshot[name]))

    def _gradient_norm(self) -> float:
        return get_total_norm([weight.grad for weight in self.model.parameters() if weight.grad is not None]).item()


def _copy(state: Any) -> Any:
    """Containers and tensors copied, through any nesting."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {key: _copy(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_copy(value) for value in state)
    return state
