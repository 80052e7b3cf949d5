"""Hyperparameters of regularisation and stability."""

from dataclasses import dataclass

from stepladder_trainer.hyperparameters.declaring import number


@dataclass(frozen=True)
class RegularisationHyperparameters:
    """What keeps training from overfitting, or from falling over."""

    label_smoothing: float = number(0.0, "classification only; metrics are measured without it", low=0, below=1)
