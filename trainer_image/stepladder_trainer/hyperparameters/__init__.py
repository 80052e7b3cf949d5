"""Hyperparameters: declared in groups, one file each, and read by name."""

from stepladder_trainer.hyperparameters.data import DataHyperparameters
from stepladder_trainer.hyperparameters.model import ModelHyperparameters
from stepladder_trainer.hyperparameters.optimizer import OptimizerHyperparameters
from stepladder_trainer.hyperparameters.reading import KNOWN, Hyperparameters, plain_name, read, restored
from stepladder_trainer.hyperparameters.regularisation import RegularisationHyperparameters
from stepladder_trainer.hyperparameters.schedule import ScheduleHyperparameters
from stepladder_trainer.hyperparameters.seeds import SeedHyperparameters

__all__ = [
    "KNOWN",
    "DataHyperparameters",
    "Hyperparameters",
    "ModelHyperparameters",
    "OptimizerHyperparameters",
    "RegularisationHyperparameters",
    "ScheduleHyperparameters",
    "SeedHyperparameters",
    "plain_name",
    "read",
    "restored",
]
