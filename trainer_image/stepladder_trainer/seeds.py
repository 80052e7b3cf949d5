"""Seeds for initialisation, data order, augmentation and dropout, apart: one can be held while another changes."""

from dataclasses import dataclass

from stepladder_trainer.randomness import derive


@dataclass(frozen=True)
class Seeds:
    """Derived from the trial's seed, each for its purpose."""

    trial: int

    @property
    def initialisation(self) -> int:
        """Of the initial weights."""
        return derive(self.trial, "initialisation")

    @property
    def data(self) -> int:
        """Of the order of examples, which derives one for each epoch."""
        return self.trial

    def augmentation(self, step: int) -> int:
        """Of what is done to the batch of a step."""
        return derive(self.trial, "augmentation", step)

    def dropout(self, step: int) -> int:
        """Of the units that are dropped in a step."""
        return derive(self.trial, "dropout", step)
