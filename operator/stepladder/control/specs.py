"""The specs of studies as models, each generation of them read once: a trial is reconciled far more often than that."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepladder.api.study import TuningStudySpec
from stepladder.control.cache import Key, key_of
from stepladder.control.store import STUDIES, Object
from stepladder.engine.auto import Choices
from stepladder.engine.reading import chosen
from stepladder.engine.validation import examine


@dataclass(frozen=True)
class Reading:
    """A spec, if it can be read at all, and why it cannot be run, if it cannot."""

    spec: TuningStudySpec | None
    problem: tuple[str, str] | None = None  # reason and message
    choices: Mapping[str, Choices] = field(default_factory=dict)  # what was left to Auto, by round


class Specs:
    """Readings of all studies that are there."""

    def __init__(self) -> None:
        self._readings: dict[Key, tuple[tuple[str, int], Reading]] = {}

    def of(self, study: Object) -> Reading:
        """The study's spec as it is now."""
        key, meta = key_of(STUDIES, study), study["metadata"]
        version = (meta["uid"], meta.get("generation", 0))
        known = self._readings.get(key)
        if known is None or known[0] != version:
            known = self._readings[key] = (version, read(study))
        return known[1]

    def forget(self, study: Key) -> None:
        """Drop a study that is gone."""
        self._readings.pop(study, None)


def read(study: Object) -> Reading:
    """Read and judge a study's spec."""
    spec, found = examine(study["spec"])
    if found or spec is None:
        return Reading(spec, ("InvalidSpec", "; ".join(map(str, found))))
    return Reading(spec, choices=chosen(study["spec"]))
