"""Hyperparameters by name, from the study through the trial's document, checked before anything expensive happens."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from stepladder_trainer import catalog
from stepladder_trainer.contract import Scalar
from stepladder_trainer.hyperparameters.data import DataHyperparameters
from stepladder_trainer.hyperparameters.declaring import name_of
from stepladder_trainer.hyperparameters.model import ModelHyperparameters
from stepladder_trainer.hyperparameters.optimizer import OptimizerHyperparameters
from stepladder_trainer.hyperparameters.regularisation import RegularisationHyperparameters
from stepladder_trainer.hyperparameters.schedule import ScheduleHyperparameters
from stepladder_trainer.hyperparameters.seeds import SeedHyperparameters
from stepladder_trainer.outcomes import ConfigurationError

NAMESPACES = (*catalog.OPTIMIZERS, *catalog.SCHEDULES, *catalog.MODELS)


@dataclass(frozen=True)
class Hyperparameters:
    """One point of the search space. A name may carry its parent as a prefix: `adam.beta1` is `beta1`."""

    model: ModelHyperparameters = field(default_factory=ModelHyperparameters)
    optimizer: OptimizerHyperparameters = field(default_factory=OptimizerHyperparameters)
    schedule: ScheduleHyperparameters = field(default_factory=ScheduleHyperparameters)
    data: DataHyperparameters = field(default_factory=DataHyperparameters)
    regularisation: RegularisationHyperparameters = field(default_factory=RegularisationHyperparameters)
    seeds: SeedHyperparameters = field(default_factory=SeedHyperparameters)
    others: Mapping[str, Scalar] = field(default_factory=dict)  # that only a task or model of one's own knows


GROUPS: Mapping[str, type[Any]] = {
    "model": ModelHyperparameters,
    "optimizer": OptimizerHyperparameters,
    "schedule": ScheduleHyperparameters,
    "data": DataHyperparameters,
    "regularisation": RegularisationHyperparameters,
    "seeds": SeedHyperparameters,
}
KNOWN: Mapping[str, tuple[str, "Field[Any]"]] = {
    name_of(declared): (group, declared) for group, kind in GROUPS.items() for declared in fields(kind)
}
"""(group, field) by the name that studies use."""


def read(
    given: Mapping[str, Scalar], defaults: Mapping[str, Scalar], *, own: frozenset[str] = frozenset(),
    ignore_unknown: bool = False,
) -> Hyperparameters:  # fmt: skip
    """The hyperparameters of a trial: its own values, else `defaults` (from flags), else those declared.

    `own`: names that a task or model from outside this package declares; they go unchecked into `others`. Raises
    ConfigurationError for an unknown name, a value out of range, or a name given twice through different prefixes.
    """
    groups: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    others: dict[str, Scalar] = {}
    for source in (defaults, given):
        named: dict[str, str] = {}
        for name, value in source.items():
            plain = plain_name(name)
            if plain in own:
                others[plain] = value
                continue
            if plain not in KNOWN:
                if ignore_unknown:
                    continue
                raise ConfigurationError(
                    f"unknown parameter {name}: this trainer knows {', '.join((*KNOWN, *sorted(own)))}"
                )
            if plain in named:
                raise ConfigurationError(f"parameters {named[plain]} and {name} both set {plain}: give one of them")
            named[plain] = name
            group, declared = KNOWN[plain]
            groups[group][declared.name] = declared.metadata["read"](name, value)
    return Hyperparameters(**{group: kind(**groups[group]) for group, kind in GROUPS.items()}, others=others)


def restored(recorded: Mapping[str, Any]) -> Hyperparameters:
    """The hyperparameters of which `dataclasses.asdict` is `recorded`, as a checkpoint has it. Raises
    ConfigurationError if another release of this trainer wrote it."""
    try:
        groups = {group: kind(**recorded[group]) for group, kind in GROUPS.items()}
        return Hyperparameters(**groups, others=recorded["others"])
    except (KeyError, TypeError) as error:
        raise ConfigurationError(
            f"the checkpoint's hyperparameters are of another release of the trainer ({error}): use the image that "
            "trained it"
        ) from error


def plain_name(name: str) -> str:
    """`adam.beta1` -> `beta1`; a prefix that is no optimizer, schedule or model stays."""
    prefix, dot, rest = name.partition(".")
    return rest if dot and prefix in NAMESPACES else name
