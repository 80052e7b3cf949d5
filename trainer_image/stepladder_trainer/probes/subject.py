"""What a throughput was measured on: with another model, optimizer or device it has to be measured again (Deep Learning
Tuning Playbook, "Determining the feasible batch sizes and estimating training throughput")."""

import hashlib
import json
from dataclasses import dataclass, fields
from typing import Final

from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters import Hyperparameters
from stepladder_trainer.hyperparameters.declaring import name_of

KEY_LENGTH: Final = 12
ALWAYS_TOLD: Final = ("width", "layers")


@dataclass(frozen=True)
class Subject:
    """A model of a task, the rule that trains it, and `processes` devices of one kind."""

    task: str
    point: Hyperparameters
    device: str  # a GPU's name, or cpu
    processes: int = 1

    @property
    def key(self) -> str:
        """Short, and the same for the same model with all its hyperparameters, optimizer and devices; also in a later
        release, which may have more hyperparameters."""
        told = [self.task, self.point.model.name, self._model, self._rule, self.device, self.processes]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]

    @property
    def words(self) -> str:
        """For people."""
        told = " ".join(f"{name} {value}" for name, value in self._model.items())
        devices = self.device if self.processes == 1 else f"{self.processes} x {self.device}"
        return f"{self.point.model.name} of {self.task} with {told}, {self._rule}, {devices}"

    @property
    def _model(self) -> dict[str, Scalar]:
        """Its hyperparameters that are not as declared, with those that are always told."""
        model = self.point.model
        values = {declared: getattr(model, declared.name) for declared in fields(model) if declared.name != "name"}
        told = {
            name_of(declared): value
            for declared, value in values.items()
            if declared.name in ALWAYS_TOLD or value != declared.default
        }
        return told | dict(self.point.others)

    @property
    def _rule(self) -> str:
        rule = self.point.optimizer
        return rule.name if rule.update_rule == "playbook" else f"{rule.name} as in {rule.update_rule}"
