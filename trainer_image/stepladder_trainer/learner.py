"""A model and what trains it: one optimizer update after another. The training loop and the probes share it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stepladder_trainer import models, optimizers
from stepladder_trainer.acceleration import Acceleration
from stepladder_trainer.data import Batch
from stepladder_trainer.distributed.ranks import Ranks
from stepladder_trainer.distributed.together import Together
from stepladder_trainer.hyperparameters import Hyperparameters
from stepladder_trainer.models import normalisation
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.seeds import Seeds
from stepladder_trainer.stability import Averaging, Clipping
from stepladder_trainer.state import Part
from stepladder_trainer.tasks import Task
from stepladder_trainer.tasks.checking import check_outputs, why_no_gradient


class Update(NamedTuple):
    """What one optimizer update saw: scalars on the device, which a GPU may still have to compute."""

    loss_on_device: Tensor
    norms_on_device: Sequence[Tensor]
    """L2 norms of the parts of the gradient, which are joined when somebody looks: at every step it would show."""

    @property
    def norm_on_device(self) -> Tensor:
        """The L2 norm of the whole gradient, unclipped."""
        return joined(self.norms_on_device)

    @property
    def loss(self) -> float:
        """The training loss. Waits for the GPU."""
        return self.loss_on_device.item()

    @property
    def gradient_norm(self) -> float:
        """The L2 norm of the whole gradient, unclipped. Waits for the GPU."""
        return self.norm_on_device.item()


class Learner:
    """The state of training. `parts` is all of it: a learner that took them over goes on bit for bit.

    Of several processes each has one, with the same weights; `together` says how they share the work.
    """

    def __init__(
        self, task: Task, point: Hyperparameters, seeds: Seeds, device: torch.device, horizon: int = optimizers.STEPS,
        *, acceleration: Acceleration = Acceleration(), together: Together = Together(Ranks()),  # noqa: B008  frozen
    ) -> None:  # fmt: skip
        self.point = point
        self.device = device
        self._task = task
        self._seeds = seeds
        self._dropout = torch.Generator(device)
        initialisation = torch.Generator().manual_seed(seeds.initialisation)
        self.model: nn.Module = models.build(models.Request(task.shape, point, self._dropout), initialisation).to(
            device
        )
        self._together = together
        self._acceleration = acceleration
        self._arithmetic = acceleration.arithmetic(device)
        self._forward = acceleration.compiled(together.shared(self.model, device))
        self._weights = list(self.model.parameters())  # going through the modules takes as long as a small update
        self._statistics = normalisation.statistics_of(self.model)
        self.optimizer = optimizers.build(self._weights, point.optimizer, horizon)
        stability = point.regularisation
        if together.sharded and stability.averaging != "none":
            raise ConfigurationError("averaging needs whole weights: set averaging: none, or --sharding=none")
        self.clipping = Clipping(stability, device) if stability.clips else None
        self.averaging = Averaging(self.model, stability) if stability.averaging != "none" else None

    @property
    def parts(self) -> dict[str, Part]:
        """What a checkpoint holds, by name. With `averaging`, its `model` has the weights that were evaluated."""
        parts: dict[str, Part | None] = {
            **self._together.parts(self.model, self.optimizer),
            "clipping": self.clipping,
            "averaging": self.averaging,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def gradient(self, batch: Batch, step: int) -> Update:
        """Compute the gradient of `batch` for update `step`, clipped where asked; the weights stay as they are."""
        seed = self._seeds.dropout(step, self._together.ranks.rank)
        self._dropout.manual_seed(seed)
        self.optimizer.zero_grad()
        with self._arithmetic(), self._acceleration.seeded(self.device, seed):
            outputs = self._forward(batch.inputs)
            if step == 1:
                check_outputs(outputs, self._task)
            loss: Tensor = self._task.loss(outputs, batch.targets, self.point.regularisation.label_smoothing)
        try:
            loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own lack
        except (RuntimeError, AttributeError) as error:
            if (wrong := why_no_gradient(loss)) is not None:
                raise ConfigurationError(wrong) from error
            raise
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        norms: Sequence[Tensor] = torch._foreach_norm(gradients)  # noqa: SLF001  documented
        if self._together.sharded or self.clipping is not None:
            norms = [self._together.whole(joined(norms))]
        if self.clipping is not None:
            self.clipping.clip(gradients, norms[0])
        return Update(self._together.mean(loss.detach()), norms)

    def apply(self, learning_rate: float) -> None:
        """Move the weights by the gradient, at `learning_rate`."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()
        if self._together.ranks.world > 1:  # what each process has seen for itself becomes the same in all
            normalisation.synchronise(self._statistics)
        if self.averaging is not None:
            self.averaging.update()

    @contextmanager
    def evaluated(self) -> Iterator[nn.Module]:
        """The model as it is to be judged, while the block runs: with averaged weights where they are asked for."""
        with self.averaging.applied() if self.averaging is not None else nullcontext():
            yield self.model

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """A copy of the state of all parts, which further updates do not change."""
        return {name: _copy(part.state_dict()) for name, part in self.parts.items()}

    def restore(self, snapshot: dict[str, dict[str, Any]]) -> None:
        """Go back to a snapshot, bit for bit."""
        for name, part in self.parts.items():
            part.load_state_dict(_copy(snapshot[name]))


def joined(norms: Sequence[Tensor]) -> Tensor:
    """The L2 norm of what has parts of these."""
    norm: Tensor = torch.linalg.vector_norm(torch.stack(tuple(norms)))
    return norm


def _copy(state: Any) -> Any:
    """Containers and tensors copied, through any nesting."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {key: _copy(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_copy(value) for value in state)
    return state
