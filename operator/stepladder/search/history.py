"""What a sampler may know: the trials of one round and scientific setting, in order."""

from collections.abc import Mapping
from dataclasses import dataclass

from stepladder.api.model import Scalar
from stepladder.api.study import Direction, Parameter, Sampler
from stepladder.api.trial import Outcome


@dataclass(frozen=True)
class Record:
    """One trial. Its place in `History.records` is its Optuna number."""

    parameters: Mapping[str, Scalar]
    observations: tuple[tuple[int, float], ...] = ()  # (step, finite objective), by step
    outcome: Outcome | None = None  # None: running or paused


@dataclass(frozen=True)
class History:
    """One Optuna study: `namespace/name/uid/round/setting`."""

    name: str
    direction: Direction
    parameters: tuple[Parameter, ...]  # scientific ones already replaced by Fixed values
    sampler: Sampler
    seed: int
    records: tuple[Record, ...] = ()
    planned: int = 0  # how many configurations will be proposed in all
    rungs: tuple[int, ...] = ()  # steps at which trials are judged, ascending; the last is a full run's
    salt: str = ""  # `round/setting`: parts the rounds' proposals; unlike `name` the same in every run of a manifest
    first: tuple[Mapping[str, Scalar], ...] = ()  # to be proposed before the sampler's own, as far as they say
    priors: tuple[Record, ...] = ()  # what is known besides: trials that people added, and those of earlier studies
    candidates: tuple[Mapping[str, Scalar], ...] | None = None  # all that may still be proposed; None: the whole space
