"""What is known of a trial when it is decided what to do with it."""

from dataclasses import dataclass
from datetime import datetime

from stepladder.api.study import Direction, FailurePolicy, PodRetention
from stepladder.api.trial import Observation, TrialSpec, TrialStatus
from stepladder.control.pod_group import PodView


@dataclass(frozen=True)
class Situation:
    """A trial and all that belongs to it. `pods` includes those that are gone but have left a result."""

    spec: TrialSpec
    status: TrialStatus
    metric: str
    direction: Direction
    policy: FailurePolicy
    retention: PodRetention
    pods: tuple[PodView, ...]
    now: datetime
    scraped: tuple[Observation, ...] = ()
    template: str = ""  # which template a pod would be made from now
