"""Hyperparameters of the optimizer."""

from dataclasses import dataclass

from stepladder_trainer import catalog
from stepladder_trainer.hyperparameters.declaring import number, one_of


@dataclass(frozen=True)
class OptimizerHyperparameters:
    """Each rule uses those that are its own."""

    name: str = one_of("adam", catalog.OPTIMIZERS, "the update rule", known_as="optimizer")
    learning_rate: float = number(0.003, "the peak of the schedule", low=0)
    momentum: float = number(0.9, "of momentum and Nesterov", low=0, below=1)
    beta1: float = number(0.9, "of Adam and NAdam: decay of the mean of gradients", low=0, below=1)
    beta2: float = number(0.999, "of Adam and NAdam: decay of the mean of their squares", low=0, below=1)
    epsilon: float = number(1e-8, "of Adam and NAdam: added to the root", low=0)
    weight_decay: float = number(0.0, "times the weights, added to the gradient", low=0)
