"""What the engine sees of a study: frozen views, taken from the objects as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepladder.api.model import Scalar
from stepladder.api.study import Direction, TuningStudySpec
from stepladder.api.trial import Desired, Observation, Outcome


@dataclass(frozen=True)
class TrialView:
    """One trial as the engine sees it."""

    name: str
    number: int
    round: str
    bracket: int
    configuration: int
    repeat: int
    parameters: Mapping[str, Scalar]
    target_steps: int
    horizon_steps: int
    desired: Desired = Desired.RUN
    outcome: Outcome | None = None
    stopping: Outcome | None = None  # the study has asked it to stop with this outcome
    steps: int = 0
    results: Mapping[int, float] = field(default_factory=dict)  # step -> objective, finite
    best: Observation | None = None
    has_pod: bool = False
    waits_for_quota: bool = False
    trained_steps: int = 0
    gpu_seconds: float = 0.0
    trouble: str = ""  # why it cannot start, or has failed: a sentence for people

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to it any more, or it has been told so."""
        return self.outcome is not None or self.stopping is not None

    @property
    def reached(self) -> bool:
        """Whether its current segment is over and judged."""
        return self.target_steps in self.results

    @property
    def active(self) -> bool:
        """Whether it has training to do that it is allowed to do."""
        return not self.ended and not self.reached and self.desired is Desired.RUN

    @property
    def occupies(self) -> bool:
        """Whether it takes one of the study's slots."""
        return self.active or self.has_pod


@dataclass(frozen=True)
class Observed:
    """The study as it is now. `trials` are in number order."""

    spec: TuningStudySpec
    trials: tuple[TrialView, ...] = ()
    elapsed_seconds: float = 0.0  # since the study started
    finished: bool = False  # its Succeeded condition is already True or False


def better(direction: Direction, a: float, b: float) -> bool:
    """Whether objective `a` is strictly better than `b`."""
    return a < b if direction is Direction.MINIMIZE else a > b


def rank_key(direction: Direction, value: float) -> float:
    """Sorts ascending from the best."""
    return value if direction is Direction.MINIMIZE else -value
