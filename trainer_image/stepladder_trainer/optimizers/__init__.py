"""Optimizers with the update rules of the Deep Learning Tuning Playbook ("Which optimizer update rules...", its
appendix).

Where PyTorch's rule differs: Adam's epsilon here is added to the square root before the bias correction, not after it,
and NAdam has no momentum-decay schedule. Weight decay is an L2 term in the gradient for every rule.
"""

from collections.abc import Iterable

from torch import Tensor

from stepladder_trainer.hyperparameters import OptimizerHyperparameters
from stepladder_trainer.optimizers.adam import Adam, NAdam
from stepladder_trainer.optimizers.descent import SGD, Momentum, Nesterov
from stepladder_trainer.optimizers.rule import UpdateRule

__all__ = ["UpdateRule", "build"]

RULES: dict[str, tuple[type[UpdateRule], tuple[str, ...]]] = {
    "sgd": (SGD, ()),
    "momentum": (Momentum, ("momentum",)),
    "nesterov": (Nesterov, ("momentum",)),
    "adam": (Adam, ("beta1", "beta2", "epsilon")),
    "nadam": (NAdam, ("beta1", "beta2", "epsilon")),
}


def build(parameters: Iterable[Tensor], point: OptimizerHyperparameters) -> UpdateRule:
    """The optimizer that `point` names, with the hyperparameters that are its own."""
    rule, own = RULES[point.name]
    settings = {name: getattr(point, name) for name in own}
    return rule(parameters, learning_rate=point.learning_rate, weight_decay=point.weight_decay, **settings)
