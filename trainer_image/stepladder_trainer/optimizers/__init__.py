"""Optimizers with the update rules of the Deep Learning Tuning Playbook ("Which optimizer update rules...", its
appendix), and on request with PyTorch's. `docs/trainer.md` says where they differ.
"""

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from stepladder_trainer.hyperparameters import OptimizerHyperparameters
from stepladder_trainer.optimizers import pytorch
from stepladder_trainer.optimizers.adam import Adam, NAdam
from stepladder_trainer.optimizers.adam8p import STEPS, Adam8p
from stepladder_trainer.optimizers.descent import SGD, Momentum, Nesterov
from stepladder_trainer.optimizers.rule import UpdateRule
from stepladder_trainer.optimizers.scaling import Adagrad, RMSProp

__all__ = ["STEPS", "build"]

MOMENTS = ("beta1", "beta2", "epsilon")
RULES: dict[str, tuple[type[UpdateRule], tuple[str, ...]]] = {
    "sgd": (SGD, ()),
    "momentum": (Momentum, ("momentum",)),
    "nesterov": (Nesterov, ("momentum",)),
    "rmsprop": (RMSProp, ("rho", "momentum", "epsilon")),
    "adagrad": (Adagrad, ("epsilon",)),
    "adam": (Adam, MOMENTS),
    "nadam": (NAdam, MOMENTS),
    "adamw": (Adam, MOMENTS),
    "nadamw": (NAdam, MOMENTS),
    "adam8p": (Adam8p, (*MOMENTS, "linear_decay", "exponential_decay")),
}
DECOUPLED = ("adamw", "nadamw")


def build(parameters: Iterable[Tensor], point: OptimizerHyperparameters, horizon: int = STEPS) -> Optimizer:
    """The optimizer that `point` names, with the hyperparameters that are its own.

    `horizon`: the updates over which a rule that lowers its own rate does so. Raises ConfigurationError for what
    PyTorch's classes do not have, if those are asked for.
    """
    weights = list(parameters)
    groups: list[dict[str, Any]] = [{"params": weights}]
    if not point.decay_norms_and_biases:
        none = {"weight_decay": 0.0, "l1": 0.0, "l2": 0.0}
        groups = [
            {"params": [weight for weight in weights if weight.ndim > 1]},
            {"params": [weight for weight in weights if weight.ndim <= 1], **none},
        ]
    decoupled = point.decoupled_weight_decay or point.name in DECOUPLED
    if point.update_rule == "pytorch":
        return pytorch.build(groups, point, decoupled=decoupled)
    rule, own = RULES[point.name]
    settings = {name: getattr(point, name) for name in own}
    if rule is Adam8p:
        settings["horizon"] = horizon
    return rule(
        groups,
        learning_rate=point.learning_rate,
        weight_decay=point.weight_decay,
        decoupled=decoupled,
        l1=point.l1,
        l2=point.l2,
        **settings,
    )
