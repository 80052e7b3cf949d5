"""Time, as a port: tests run the same code in virtual time."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.now(UTC)


def to_wire(moment: datetime) -> str:
    """RFC 3339 with whole seconds, as metav1.Time has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_wire(text: str) -> datetime:
    """The moment that an RFC 3339 string names."""
    return datetime.fromisoformat(text)


def seconds_between(start: str | None, end: str | None) -> float:
    """Seconds from one RFC 3339 time to another; 0 where one is not known."""
    if not start or not end:
        return 0.0
    return max(0.0, (from_wire(end) - from_wire(start)).total_seconds())
