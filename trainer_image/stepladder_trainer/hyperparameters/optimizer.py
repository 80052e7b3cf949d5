"""Hyperparameters of the optimizer."""

from dataclasses import dataclass

from stepladder_trainer import catalog
from stepladder_trainer.hyperparameters.declaring import number, one_of, switch


@dataclass(frozen=True)
class OptimizerHyperparameters:
    """Each rule uses those that are its own."""

    name: str = one_of("adam", catalog.OPTIMIZERS, "the update rule", known_as="optimizer")
    update_rule: str = one_of("playbook", catalog.UPDATE_RULES, "whose version of it")
    learning_rate: float = number(0.003, "the peak of the schedule", low=0)
    momentum: float = number(0.9, "of momentum, nesterov and rmsprop", low=0, below=1)
    rho: float = number(0.9, "of rmsprop: decay of the mean of squared gradients", low=0, below=1)
    beta1: float = number(0.9, "of adam and its kin: decay of the mean of gradients", low=0, below=1)
    beta2: float = number(0.999, "of adam and its kin: decay of the mean of their squares", low=0, below=1)
    epsilon: float = number(1e-8, "of rmsprop, adagrad, adam and its kin: added to the root", low=0)
    weight_decay: float = number(0.0, "times the weights, added to the gradient; decoupled in adamw and nadamw", low=0)
    decoupled_weight_decay: bool = switch("for any rule: weights shrink by learning_rate * weight_decay", default=False)
    decay_norms_and_biases: bool = switch("false: decay and penalties spare tensors of one dimension", default=True)
    l1: float = number(0.0, "times the sum of |weights|, added to the loss that is trained", low=0)
    l2: float = number(0.0, "times the sum of squared weights, added to the loss that is trained", low=0)
    linear_decay: float = number(0.0, "of adam8p: of the rate, in each 10,000th of the horizon", low=0)
    exponential_decay: float = number(0.0, "of adam8p: of the rate, in each 10,000th of the horizon", low=0)
