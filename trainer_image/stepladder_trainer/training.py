"""The training loop of our own tasks, written against the SDK like anybody's code."""

import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import get_total_norm

from stepladder_trainer import models, optimizers, schedules, tasks
from stepladder_trainer.data import GrowingData
from stepladder_trainer.hyperparameters import Hyperparameters
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.randomness import derive
from stepladder_trainer.trial import Trial


@dataclass(frozen=True)
class Plan:
    """What to train and how to go about it, checked."""

    task: str
    point: Hyperparameters
    evaluate_every: int  # steps
    checkpoint_seconds: float = 60.0
    device: str = "cpu"
    threads: int = 1


def train(trial: Trial, plan: Plan) -> None:
    """Train `plan` from where the trial stands to its target. Raises what `outcomes` lists."""
    torch.set_num_threads(plan.threads)
    device = _device(plan.device)
    seed = trial.seed
    task = tasks.load(plan.task)
    training, validation = task.training.to(device), task.validation.to(device)
    order = GrowingData(
        len(training), plan.point.batch_size, seed, trial.document.data_fractions, plan.point.data_fraction
    )
    dropout = torch.Generator(device)
    initialisation = torch.Generator().manual_seed(derive(seed, "initialisation"))
    model = models.build(task.shape, plan.point, initialisation=initialisation, dropout=dropout).to(device)
    optimizer = optimizers.build(model.parameters(), plan.point)

    def evaluate(step: int) -> None:
        model.eval()
        with torch.inference_mode():
            outputs = model(validation.inputs)
            loss = task.loss(outputs, validation.targets, 0.0).item()
            trial.report(step, validation_error=task.error(outputs, validation.targets).item(), validation_loss=loss)
        model.train()

    for step in trial.steps(checkpoint_seconds=plan.checkpoint_seconds, model=model, optimizer=optimizer):
        began = time.perf_counter()
        batch = order.batch(step)
        inputs, targets = training.inputs[batch], training.targets[batch]
        loaded = time.perf_counter()
        dropout.manual_seed(derive(seed, "dropout", step))
        learning_rate = plan.point.learning_rate * schedules.factor(
            plan.point.schedule, step, horizon=trial.horizon_steps, warmup=plan.point.warmup_steps
        )
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        optimizer.zero_grad()
        loss = task.loss(model(inputs), targets, plan.point.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own lack
        gradient_norm = _gradient_norm(model)
        training_loss = loss.item()
        trial.log(step, training_loss=training_loss)  # before the update: NaN must not reach the weights
        optimizer.step()
        seconds = time.perf_counter() - began
        trial.log(
            step,
            learning_rate=learning_rate,
            gradient_norm=gradient_norm,
            examples_per_second=len(batch) / seconds,
            data_wait_fraction=(loaded - began) / seconds,
            gpu_memory_bytes=torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0,
        )
        if trial.evaluation_due(step, every=plan.evaluate_every):
            evaluate(step)


def _gradient_norm(model: nn.Module) -> float:
    """The L2 norm of the whole gradient, unclipped."""
    return get_total_norm([parameter.grad for parameter in model.parameters() if parameter.grad is not None]).item()


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--device=cuda, but PyTorch sees no GPU: request nvidia.com/gpu, or use --device=auto")
    return torch.device(name)
