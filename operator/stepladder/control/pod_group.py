"""The pods of one attempt: one for each node, all or none; with a single node that pod and nothing else. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from stepladder.api.trial import EndReason
from stepladder.control.clock import from_wire, seconds_between, to_wire
from stepladder.control.group_end import MemberEnd, joined
from stepladder.control.segment_end import SegmentEnd

FAREWELL_SECONDS: Final = 60  # that the others have to end by themselves when rank 0 has succeeded


class Stage(Enum):
    """Where a pod is."""

    WAITING = "Waiting"  # for a node, an image, a volume
    RUNNING = "Running"
    ENDED = "Ended"


@dataclass(frozen=True)
class PodView:
    """One pod of a trial."""

    name: str
    attempt: int
    target_steps: int
    stage: Stage
    end: SegmentEnd | None = None
    deleting: bool = False
    interrupted: bool = False  # by us
    evicted: bool = False  # by the cluster
    lingers: bool = False  # the trainer has ended, another container runs on
    exists: bool = True  # False: it is gone, and this is how it last was
    gpus: int = 0
    node: str | None = None
    waiting_for: str = ""  # a sentence; empty where it is only starting
    created_at: str | None = None
    started_at: str | None = None  # its trainer, while that runs
    template: str = ""  # which template it was made from
    rank: int = 0
    nodes: int = 1  # pods of its attempt
    gated: bool = False  # waits until rank 0 has an address
    address: str | None = None
    port: str = ""  # at that address: where the others meet rank 0

    @property
    def lives(self) -> bool:
        """Whether it is there and its trainer has not ended."""
        return self.exists and self.end is None


@dataclass(frozen=True)
class PodGroup:
    """The pods of one attempt, by rank. Of those that are gone, how they last were as far as that is known."""

    members: tuple[PodView, ...]

    @property
    def leader(self) -> PodView:
        """Rank 0, which serves the metrics and leaves the last words."""
        return self.members[0]

    @property
    def attempt(self) -> int:
        """Which attempt at the trial this is."""
        return self.leader.attempt

    @property
    def name(self) -> str:
        """The name of rank 0's pod, which stands for all."""
        return self.leader.name

    @property
    def target_steps(self) -> int:
        """How far the attempt is to train."""
        return max(m.target_steps for m in self.members)

    @property
    def alive(self) -> tuple[PodView, ...]:
        """Those whose trainers have not ended."""
        return tuple(m for m in self.members if m.lives)

    @property
    def waiting(self) -> tuple[PodView, ...]:
        """Those that have not started."""
        return tuple(m for m in self.alive if m.stage is Stage.WAITING)

    @property
    def waiting_for(self) -> str:
        """What keeps it from being complete, in a sentence; empty where it is only starting."""
        found = next((m for m in self.waiting if m.waiting_for), None)
        return self._told(found.rank, found.waiting_for) if found else ""

    @property
    def end(self) -> SegmentEnd | None:
        """How the attempt ended; None while one of its pods lives, and where all are gone without a trace."""
        if self.alive or all(m.end is None for m in self.members):
            return None
        if len(self.members) == 1:
            return self.leader.end
        return joined([_member_end(m) for m in self.members])

    def fails(self, now: datetime) -> bool:
        """Whether those that live cannot go on: one has failed or is gone, or rank 0 has long succeeded."""
        if any(not m.exists and m.end is None for m in self.members):
            return True
        reasons = {m.end.reason for m in self.members if m.end is not None}
        return bool(reasons - {EndReason.COMPLETED}) or self.farewell(now) == 0

    def farewell(self, now: datetime) -> float | None:
        """Seconds that the others may still take to end; None unless rank 0 has ended."""
        if self.leader.end is None or not self.alive:
            return None
        ended_at = self.leader.end.ended_at
        since = seconds_between(ended_at, to_wire(now)) if ended_at else FAREWELL_SECONDS
        return max(0.0, FAREWELL_SECONDS - since)

    def gpu_seconds(self, now: datetime) -> float:
        """GPUs times seconds, of all of its pods."""
        return sum(m.gpus * _seconds(m, now) for m in self.members)

    def _told(self, rank: int, sentence: str) -> str:
        return f"rank {rank}: {sentence}" if len(self.members) > 1 else sentence


def member_name(leader: str, rank: int) -> str:
    """The name of a pod of the attempt whose first pod is `leader`. The letter keeps it from ever being the name of
    an attempt: `a-1-2` is the second attempt at trial `a-1`."""
    return f"{leader}-r{rank}" if rank else leader


def grouped(pods: Iterable[PodView]) -> tuple[PodGroup, ...]:
    """The attempts that these pods belong to, in their order. Pods that are not among them are gone."""
    by_attempt: defaultdict[int, dict[int, PodView]] = defaultdict(dict)
    for pod in pods:
        by_attempt[pod.attempt][pod.rank] = pod
    return tuple(_group(by_attempt[attempt]) for attempt in sorted(by_attempt))


def _group(known: dict[int, PodView]) -> PodGroup:
    one = next(iter(known.values()))
    leader = one.name.rpartition("-")[0] if one.rank else one.name
    return PodGroup(
        tuple(
            known.get(rank)
            or PodView(member_name(leader, rank), one.attempt, 0, Stage.WAITING, exists=False, rank=rank)
            for rank in range(max(p.nodes for p in known.values()))
        )
    )


def _member_end(member: PodView) -> MemberEnd:
    told = member.interrupted and not member.evicted
    return MemberEnd(member.end, interrupted=told, ran=member.stage is not Stage.WAITING)


def _seconds(member: PodView, now: datetime) -> float:
    if member.end is not None:
        return seconds_between(member.end.started_at, member.end.ended_at)
    return max(0.0, (now - from_wire(member.started_at)).total_seconds()) if member.started_at else 0.0
