"""Seeds that a study may hold, or search over as a nuisance, apart from the trial's."""

from dataclasses import dataclass

from stepladder_trainer.hyperparameters.declaring import seed


@dataclass(frozen=True)
class SeedHyperparameters:
    """Each by default derived from the trial's seed."""

    initialisation: int | None = seed("of the initial weights", known_as="initialisation_seed")
    data: int | None = seed("of the order of examples", known_as="data_seed")
    augmentation: int | None = seed("of what augmentation draws", known_as="augmentation_seed")
