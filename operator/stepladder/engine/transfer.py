"""How likely the best value of short training is the best of long training, by hyperparameter (Deep Learning Tuning
Playbook, "Deciding how long to train when training is compute-bound", Round 1).

The playbook names kinds of hyperparameters: initialisation and warmup, architecture, the optimizer with its own,
augmentation and regularisation, the schedule. The names here are those of our trainer.
"""

from enum import StrEnum
from typing import Final


class Likelihood(StrEnum):
    """The playbook's four classes."""

    VERY_LIKELY = "very likely"
    LIKELY = "likely"
    POSSIBLE = "possibly"
    UNLIKELY = "unlikely"


OPTIMIZATION: Final = (
    "optimizer", "update_rule", "learning_rate", "lr", "momentum", "rho", "beta1", "beta2", "epsilon", "linear_decay",
    "exponential_decay",
)  # fmt: skip
REGULARISATION: Final = (
    "dropout", "label_smoothing", "weight_decay", "decoupled_weight_decay", "l1", "l2", "kl_weight",
)  # fmt: skip
AUGMENTATION: Final = ("augmentation", "augmentation_strength")
SCHEDULE: Final = (
    "schedule", "decay_steps", "constant_fraction", "decay_to", "pieces", "restart_period", "restart_multiplier",
    "cycle_steps", "cycle_base", "cycle_gamma", "plateau_patience", "plateau_factor", "plateau_threshold",
)  # fmt: skip
ARCHITECTURE: Final = (
    "model", "width", "layers", "heads", "latent", "patch_size", "tied_embeddings", "normalisation",
    "normalisation_groups",
)  # fmt: skip
_CLASSES: Final = {
    Likelihood.VERY_LIKELY: ("warmup_steps", "warmup_fraction", "residual_start"),
    Likelihood.LIKELY: ARCHITECTURE,
    Likelihood.POSSIBLE: (*OPTIMIZATION, *REGULARISATION, *AUGMENTATION),
    Likelihood.UNLIKELY: SCHEDULE,
}
_LIKELIHOODS: Final = {name: likelihood for likelihood, names in _CLASSES.items() for name in names}


def plain(parameter: str) -> str:
    """`adam.beta1` is `beta1`."""
    return parameter.rpartition(".")[2]


def likelihood(parameter: str) -> Likelihood | None:
    """Whether the best value found in short training holds in longer. None where the playbook says nothing."""
    return _LIKELIHOODS.get(plain(parameter))
