"""What a plan asks for. Each action is one write, safe to repeat and safe to lose."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepladder.api.model import Scalar
from stepladder.api.trial import Desired, Outcome


@dataclass(frozen=True)
class Ask:
    """Which proposal a new trial needs: the `index`-th of the (round, setting) pair, counted from 0."""

    round: str
    setting: int  # which combination of scientific values, counted from 0
    index: int


@dataclass(frozen=True)
class Start:
    """Create trial `number`. Its parameters are `parameters`, or the proposal named by `ask`."""

    number: int
    round: str
    bracket: int
    configuration: int
    repeat: int
    seed: int
    target_steps: int
    horizon_steps: int
    rung_steps: tuple[int, ...]
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    ask: Ask | None = None
    members: tuple[str, ...] = ()  # of an ensemble: trials, the best first


@dataclass(frozen=True)
class Promote:
    """Let a paused trial train on to the next rung."""

    trial: str
    target_steps: int


@dataclass(frozen=True)
class SetDesired:
    """Pause a trial at a checkpoint, or let it run again."""

    trial: str
    desired: Desired


@dataclass(frozen=True)
class Stop:
    """End a trial: it was pruned, or the study is over."""

    trial: str
    outcome: Outcome


Action = Start | Promote | SetDesired | Stop


@dataclass(frozen=True)
class Verdict:
    """How the study ended. `reason` is CamelCase, `message` is for people."""

    succeeded: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What to do now. With a verdict the study is over as soon as no trial holds a pod."""

    actions: tuple[Action, ...] = ()
    round: str = ""  # the round that is running
    verdict: Verdict | None = None
    budget_exhausted: str = ""  # a sentence, when that is why
