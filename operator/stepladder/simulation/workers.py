"""The machines: which segments run, and what happens next. Knows nothing of studies but their trials' numbers."""

import heapq
from dataclasses import replace
from random import Random

from stepladder.search.seeds import derive
from stepladder.simulation.conditions import Conditions
from stepladder.simulation.curves import Curve
from stepladder.simulation.segment import End, Segment


class Workers:
    """Virtual time, and the segments that run in it."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self.now = 0.0
        self.running: dict[int, Segment] = {}  # by trial
        self.done: list[Segment] = []
        self._conditions = conditions
        self._seed = seed
        self._attempts: dict[int, int] = {}
        self._moments: list[tuple[float, int, int]] = []  # a heap of (time, trial, attempt)

    def start(self, trial: int, curve: Curve, from_step: int, target: int) -> Segment:
        """A trial's next segment begins now, from its checkpoint at `from_step` towards `target`."""
        attempt = self._attempts[trial] = self._attempts.get(trial, 0) + 1
        to_step, end = target, End.REACHED
        if curve.diverged is not None and curve.diverged <= target:
            to_step, end = curve.diverged, End.DIVERGED
        if self._conditions.failure_rate > 0 and from_step < to_step:
            chance = Random(derive(self._seed, "interruption", trial, attempt))
            if chance.random() < self._conditions.failure_rate:
                to_step, end = chance.randrange(from_step, to_step), End.INTERRUPTED
        trains_from = self.now + self._conditions.pod_start_seconds
        segment = Segment(trial, curve, from_step, to_step, self.now, trains_from, end)
        self.running[trial] = segment
        self.wake(segment, segment.ends)
        return segment

    def wake(self, segment: Segment, when: float) -> None:
        """Have `advance` stop at this moment of a running segment."""
        heapq.heappush(self._moments, (when, segment.trial, self._attempts[segment.trial]))

    def advance(self, deadline: float) -> tuple[Segment, ...]:
        """Go on to the next moment at which something happens to a running segment, or to the deadline.

        Returns the segments to which it does, by trial; those of them that are over still run. Raises RuntimeError
        where nothing will ever happen.
        """
        found: dict[int, Segment] = {}
        while self._moments and (not found or self._moments[0][0] <= self.now):
            when, trial, attempt = self._moments[0]
            if trial in self.running and self._attempts[trial] == attempt:
                if when > deadline > self.now:
                    break
                self.now = max(self.now, when)
                found[trial] = self.running[trial]
            heapq.heappop(self._moments)
        if not found:
            if not self.now < deadline < float("inf"):
                raise RuntimeError("the engine neither ends the study nor runs a trial")
            self.now = deadline
        return tuple(found[trial] for trial in sorted(found))

    def end(self, trial: int) -> Segment:
        """The trial's pod ends now, having done what it has. Returns the segment as it was."""
        segment = self.running.pop(trial)
        if self.now < segment.ends:
            segment = replace(segment, to_step=segment.step(self.now), end=End.INTERRUPTED)
        segment = replace(segment, until=self.now)
        self.done.append(segment)
        return segment
