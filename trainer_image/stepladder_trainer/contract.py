"""What the operator asks of this process: the JSON document in `STEPLADDER_TRIAL` and the two variables beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from stepladder_trainer.outcomes import ConfigurationError

Scalar = bool | int | float | str
T = TypeVar("T")

TRIAL = "STEPLADDER_TRIAL"
METRICS_PORT = "STEPLADDER_METRICS_PORT"
TERMINATION_LOG = "STEPLADDER_TERMINATION_LOG"


@dataclass(frozen=True)
class Objective:
    """The metric that the study ranks trials by."""

    metric: str
    minimize: bool = True


@dataclass(frozen=True)
class Member:
    """A finished trial of the study, to be judged together with others: its best checkpoint (or the directory of all),
    and the objective that the study knows of it."""

    trial: str
    checkpoint: str
    value: float | None = None


@dataclass(frozen=True)
class TrialDocument:
    """One segment of one trial. Steps count optimizer updates from the trial's beginning."""

    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    seed: int = 0
    target_steps: int = 1000
    horizon_steps: int = 1000
    evaluation_steps: frozenset[int] = frozenset()
    data_fractions: tuple[tuple[int, float], ...] = ()  # (up to this step, this part of the data), ascending
    objective: Objective | None = None
    checkpoint_directory: Path | str | None = None  # a path, or the URL of a place in a bucket
    name: str = "trial"
    attempt: int = 0
    probe: Mapping[str, Any] | None = None  # measure this instead of training: its type and options
    members: tuple[Member, ...] = ()  # of a probe Ensemble: the best first
    standalone: bool = False  # started by hand: no operator asked for this

    @property
    def identity(self) -> dict[str, object]:
        """What a checkpoint must share with the trial that resumes from it."""
        identity: dict[str, object] = {
            "parameters": dict(self.parameters),
            "seed": self.seed,
            "horizonSteps": self.horizon_steps,
        }
        if self.data_fractions:
            identity["dataFractions"] = [list(pair) for pair in self.data_fractions]
        if self.probe is not None:
            identity["probe"] = dict(self.probe)
        if self.members:
            identity["members"] = [member.checkpoint for member in self.members]
        return identity

    def data_fraction(self, step: int) -> float:
        """The part of the training data that update `step` draws from: a function of the step alone, so that a resumed
        run needs to be told nothing."""
        return next((fraction for last, fraction in self.data_fractions if step <= last), 1.0)


def read(environ: Mapping[str, str]) -> TrialDocument | None:
    """The document of this trial, or None when no operator started this process.

    Raises ConfigurationError, naming the field, when the document is not what the contract says. Unknown fields are
    ignored.
    """
    text = environ.get(TRIAL)
    if not text:
        return None
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{TRIAL} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{TRIAL} must be a JSON object, not {type(document).__name__}")
    objective = _get(document, "objective", dict)
    direction = objective.get("direction", "Minimize")
    if direction not in ("Minimize", "Maximize"):
        raise ConfigurationError(f"{TRIAL}: objective.direction must be Minimize or Maximize, not {direction!r}")
    parameters = _get(document, "parameters", dict)
    for name, value in parameters.items():
        if not isinstance(value, bool | int | float | str):
            raise ConfigurationError(
                f"{TRIAL}: parameter {name} must be a number, a string or a boolean, not {value!r}"
            )
    target = _positive(document, "targetSteps")
    horizon = _positive(document, "horizonSteps") if "horizonSteps" in document else target
    if target > horizon:
        raise ConfigurationError(
            f"{TRIAL}: targetSteps {target} is beyond horizonSteps {horizon}, over which schedules decay: raise that"
        )
    directory = _get(document, "checkpointDirectory", str) if document.get("checkpointDirectory") else None
    return TrialDocument(
        parameters=parameters,
        seed=_get(document, "seed", int),
        target_steps=target,
        horizon_steps=horizon,
        evaluation_steps=_steps(document, "evaluationSteps"),
        data_fractions=_fractions(document, "dataFractions"),
        objective=Objective(_get(objective, "metric", str), minimize=direction == "Minimize"),
        checkpoint_directory=directory or None,
        name="/".join(str(document[key]) for key in ("namespace", "study", "trial") if key in document) or "trial",
        attempt=_get(document, "attempt", int) if "attempt" in document else 0,
        probe=_get(document, "probe", dict) if document.get("probe") is not None else None,
        members=_members(document, "members"),
    )


def metrics_port(environ: Mapping[str, str]) -> int:
    """The port to serve metrics on. Raises ConfigurationError if the variable is no port."""
    text = environ.get(METRICS_PORT) or "9090"
    if not text.isdecimal() or int(text) > 65535:
        raise ConfigurationError(f"{METRICS_PORT} must be a port from 0 to 65535, not {text!r}")
    return int(text)


def termination_log(environ: Mapping[str, str]) -> Path:
    """The file that receives the termination message."""
    return Path(environ.get(TERMINATION_LOG) or "/dev/termination-log")


def _get(document: Mapping[str, Any], key: str, kind: type[T]) -> T:
    value = document.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ConfigurationError(f"{TRIAL}: {key} must be of type {kind.__name__}, not {value!r}")
    return value


def _positive(document: Mapping[str, Any], key: str) -> int:
    value = _get(document, key, int)
    if value < 1:
        raise ConfigurationError(f"{TRIAL}: {key} must be at least 1, not {value}")
    return value


def _steps(document: Mapping[str, Any], key: str) -> frozenset[int]:
    steps = document.get(key, [])
    if not isinstance(steps, list) or not all(isinstance(step, int) and not isinstance(step, bool) for step in steps):
        raise ConfigurationError(f"{TRIAL}: {key} must be a list of whole numbers, not {steps!r}")
    return frozenset(steps)


def _members(document: Mapping[str, Any], key: str) -> tuple[Member, ...]:
    listed = document.get(key) or []
    try:
        return tuple(Member(str(each["trial"]), str(each["checkpoint"]), each.get("value")) for each in listed)
    except (TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(
            f"{TRIAL}: {key} must be a list of objects with trial and checkpoint, not {listed!r}"
        ) from error


def _fractions(document: Mapping[str, Any], key: str) -> tuple[tuple[int, float], ...]:
    pairs = document.get(key, [])
    try:
        found = tuple((int(step), float(fraction)) for step, fraction in pairs)
    except (TypeError, ValueError):
        found = ((0, 0.0),)
    steps = [step for step, _ in found]
    if any(step < 1 or not 0 < fraction <= 1 for step, fraction in found) or steps != sorted(set(steps)):
        raise ConfigurationError(f"{TRIAL}: {key} must be a list of [step, part of the data], ascending, not {pairs!r}")
    return found
