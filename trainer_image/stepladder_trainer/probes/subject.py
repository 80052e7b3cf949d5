"""What a throughput was measured on: with another model, optimizer or device it has to be measured again (Deep Learning
Tuning Playbook, "Determining the feasible batch sizes and estimating training throughput")."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields
from typing import Final, Self

from stepladder_trainer.acceleration import Acceleration
from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters import Hyperparameters
from stepladder_trainer.hyperparameters.declaring import name_of
from stepladder_trainer.models.shape import Shape
from stepladder_trainer.plan import Plan

KEY_LENGTH: Final = 12
ALWAYS_TOLD: Final = ("width", "layers")


@dataclass(frozen=True)
class Subject:
    """A model of a task, the rule that trains it, and `processes` devices of one kind with how they are used."""

    task: str
    shape: Shape
    point: Hyperparameters
    device: str  # a GPU's name, or cpu
    processes: int = 1
    options: Mapping[str, Scalar] = field(default_factory=dict)  # of the task
    acceleration: Acceleration = Acceleration()  # noqa: RUF009  frozen
    sharded: bool = False

    @classmethod
    def of(cls, plan: Plan, shape: Shape, device: str, processes: int) -> Self:
        """What `plan` trains, on examples of `shape`."""
        return cls(
            plan.task, shape, plan.point, device, processes, plan.options, plan.acceleration, sharded=plan.sharded
        )

    @property
    def key(self) -> str:
        """Short, and the same for the same model with all its hyperparameters, optimizer and devices; also in a later
        release, which may have more hyperparameters."""
        told = [
            *(self.task, dict(self.options), astuple(self.shape)),
            *(self.point.model.name, self._model, self._rule),
            *(self.device, self.processes, self.acceleration.precision, self.acceleration.compiler, self.sharded),
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]

    @property
    def words(self) -> str:
        """For people."""
        task = " ".join([self.task, *(f"{name} {value}" for name, value in self.options.items()), self._examples])
        told = " ".join(f"{name} {value}" for name, value in self._model.items())
        devices = self.device if self.processes == 1 else f"{self.processes} x {self.device}"
        return ", ".join([f"{self.point.model.name} of {task} with {told}", self._rule, devices, *self._flags])

    @property
    def _examples(self) -> str:
        shape = self.shape
        said = f"{'x'.join(map(str, shape.example))} to {shape.outputs}"
        return f"({said}, vocabulary {shape.vocabulary})" if shape.vocabulary else f"({said})"

    @property
    def _flags(self) -> list[str]:
        """Those that are not as by default."""
        told = {"precision": self.acceleration.precision, "compile": self.acceleration.compiler}
        found = [f"{name} {value}" for name, value in told.items() if value not in ("auto", "off")]
        return [*found, "sharded"] if self.sharded else found

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
