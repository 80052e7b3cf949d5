"""The same optimizers with PyTorch's own update rules: its own classes.

Fused where that also works with weights that are sharded over devices, which is with Adam."""

import inspect
from typing import Any

import torch
from torch.optim import Optimizer

from stepladder_trainer.hyperparameters import OptimizerHyperparameters
from stepladder_trainer.optimizers.rule import Parameters, QuickStart
from stepladder_trainer.outcomes import ConfigurationError


def build(parameters: Parameters, point: OptimizerHyperparameters, *, decoupled: bool) -> Optimizer:
    """torch.optim's optimizer of that name. Raises ConfigurationError for what PyTorch's classes do not have."""
    if point.l1 or point.l2:
        raise ConfigurationError("l1 and l2 need update_rule playbook: PyTorch's optimizers have weight_decay alone")
    kind, settings = _settings(point)
    if decoupled:
        if kind not in (torch.optim.Adam, torch.optim.NAdam):
            raise ConfigurationError(f"decoupled_weight_decay with {point.name} needs update_rule playbook")
        settings["decoupled_weight_decay"] = True
    optimizer: Optimizer = quick(kind)(parameters, lr=point.learning_rate, weight_decay=point.weight_decay, **settings)
    return optimizer


def quick(kind: type[Optimizer]) -> Any:
    """`kind` without the import of PyTorch's compiler at its first step."""
    return type(kind.__name__, (QuickStart, kind), {"step": torch.no_grad()(inspect.unwrap(kind.step))})


def _settings(point: OptimizerHyperparameters) -> tuple[type[Optimizer], dict[str, Any]]:
    adam = {"betas": (point.beta1, point.beta2), "eps": point.epsilon}
    match point.name:
        case "sgd":
            return torch.optim.SGD, {"foreach": True}
        case "momentum":
            return torch.optim.SGD, {"momentum": point.momentum, "foreach": True}
        case "nesterov":
            return torch.optim.SGD, {"momentum": point.momentum, "nesterov": point.momentum > 0, "foreach": True}
        case "rmsprop":
            return torch.optim.RMSprop, {
                "alpha": point.rho, "eps": point.epsilon, "momentum": point.momentum, "foreach": True
            }  # fmt: skip
        case "adagrad":
            return torch.optim.Adagrad, {"eps": point.epsilon, "foreach": True}
        case "adam" | "adamw":
            return torch.optim.Adam, {**adam, "fused": True}
        case "nadam" | "nadamw":
            return torch.optim.NAdam, {**adam, "foreach": True}
        case _:
            raise ConfigurationError(f"PyTorch has no {point.name}: it needs update_rule playbook")
