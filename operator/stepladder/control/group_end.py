"""How an attempt on several nodes ended: one cause of many ends. Pure.

When one rank fails, the others fail with it: their next exchange with it breaks, or they are told to end. So the ends
are weighed by what they can be: a reason that a trainer names with its exit code is no consequence of another's end,
nor is a pod that was evicted; an unexplained error may be one.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from stepladder.api.trial import EndReason
from stepladder.control.segment_end import MESSAGE_LIMIT, SegmentEnd

NAMED: Final = {EndReason.INFEASIBLE, EndReason.CONFIGURATION_ERROR, EndReason.OUT_OF_MEMORY}
GONE: Final = "the pod was deleted before its end could be read"


@dataclass(frozen=True)
class MemberEnd:
    """How one pod ended; None: it is gone and nobody knows."""

    end: SegmentEnd | None
    interrupted: bool = False  # we have told it to end
    ran: bool = True


class _Weight(IntEnum):
    """What speaks most for being the cause comes first."""

    NAMED = 0
    DISRUPTED = 1
    ERROR = 2
    UNKNOWN = 3  # gone without having run, as far as we know
    TOLD = 4
    SUCCEEDED = 5


def joined(members: Sequence[MemberEnd]) -> SegmentEnd:
    """The end of the attempt, by rank: rank 0's results, with the reason, exit code and words of the cause.

    Of equal causes the earliest counts. Ranks that were told to end, or are gone, after rank 0 has succeeded take
    nothing away from that.
    """
    weights = [_weight(m) for m in members]
    ends = [m.end or SegmentEnd(reason=EndReason.DISRUPTED, message=GONE, disrupted=True) for m in members]
    cause = min(range(len(members)), key=lambda rank: (weights[rank], ends[rank].ended_at or "~", rank))
    if weights[cause] >= _Weight.TOLD or (weights[cause] is _Weight.UNKNOWN and weights[0] is _Weight.SUCCEEDED):
        cause = 0
    told, found = ends[cause].message, ends[cause].reason
    return dataclasses.replace(
        ends[0],
        reason=found,
        exit_code=ends[cause].exit_code,
        message=told if found is EndReason.COMPLETED else f"rank {cause}: {told}"[:MESSAGE_LIMIT],
        disrupted=any(end.disrupted for end in ends),
        started_at=min((e.started_at for e in ends if e.started_at), default=None),
        ended_at=max((e.ended_at for e in ends if e.ended_at), default=None),
    )


def _weight(member: MemberEnd) -> _Weight:
    if member.end is None:
        return _Weight.UNKNOWN if not member.ran else _Weight.TOLD if member.interrupted else _Weight.DISRUPTED
    reason = member.end.reason
    if reason is EndReason.COMPLETED:
        return _Weight.SUCCEEDED
    if reason in NAMED:
        return _Weight.NAMED
    if reason in (EndReason.DISRUPTED, EndReason.INTERRUPTED):
        return _Weight.TOLD if member.interrupted else _Weight.DISRUPTED
    return _Weight.ERROR
