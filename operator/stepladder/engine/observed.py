"""What the engine sees of a study: frozen views, taken from the objects as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import isfinite

from stepladder.api.model import Scalar
from stepladder.api.probes import ProbeVerdict
from stepladder.api.study import Direction, TuningStudySpec
from stepladder.api.trial import Desired, Observation, Outcome


@dataclass(frozen=True, slots=True, eq=False)
class TrialView:
    """One trial as the engine sees it. A view is itself and no other, so that what follows from it can be kept."""

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
    verdict: ProbeVerdict | None = None  # of a probe, which has no results
    added: bool = False  # applied by a person: beside what the round planned, its number and place mean nothing

    # What follows from these. Every plan asks it of every trial, so it is worked out once for each view.
    curve: tuple[tuple[int, float], ...] = field(init=False, repr=False)  # `results`, by step
    furthest: int = field(init=False, repr=False)  # the last step with a result; -1 if there is none
    contends: bool = field(init=False, repr=False)  # whether it may be the best: its best is finite, and it feasible
    fate: Outcome | None = field(init=False, repr=False)  # how it ended, or was told to end
    ended: bool = field(init=False, repr=False)  # whether nothing will happen to it any more, or it has been told so
    reached: bool = field(init=False, repr=False)  # whether its current segment is over and judged
    active: bool = field(init=False, repr=False)  # whether it has training to do that it is allowed to do
    paused: bool = field(init=False, repr=False)  # whether it has been told to pause, and nothing worse
    occupies: bool = field(init=False, repr=False)  # whether it takes one of the study's slots

    def __post_init__(self) -> None:
        fate = self.outcome or self.stopping
        ended, reached = fate is not None, self.target_steps in self.results
        active = not ended and not reached and self.desired is Desired.RUN
        curve = tuple(sorted(self.results.items()))
        derive = partial(object.__setattr__, self)
        derive("curve", curve)
        derive("furthest", curve[-1][0] if curve else -1)
        derive("contends", self.best is not None and isfinite(self.best.value) and fate is not Outcome.INFEASIBLE)
        derive("fate", fate)
        derive("ended", ended)
        derive("reached", reached)
        derive("active", active)
        derive("paused", not ended and self.desired is Desired.PAUSE)
        derive("occupies", active or self.has_pod)


@dataclass(frozen=True)
class Observed:
    """The study as it is now. `trials` are in number order, those that people added after the others."""

    spec: TuningStudySpec  # with what probes have suggested in its place (`suggested.resolved`)
    trials: tuple[TrialView, ...] = ()
    elapsed_seconds: float = 0.0  # since the study started
    finished: bool = False  # its Succeeded condition is already True or False


def better(direction: Direction, a: float, b: float) -> bool:
    """Whether objective `a` is strictly better than `b`."""
    return a < b if direction is Direction.MINIMIZE else a > b


def rank_key(direction: Direction, value: float) -> float:
    """Sorts ascending from the best."""
    return value if direction is Direction.MINIMIZE else -value
