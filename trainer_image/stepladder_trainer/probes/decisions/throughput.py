"""The largest batch that still pays (Deep Learning Tuning Playbook, "Determining the feasible batch sizes and
estimating training throughput")."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepladder_trainer.probes.verdict import Verdict

RISES = 1.15
"""How often the best throughput of all smaller batches a batch must have to pay: a doubling would ideally bring 2, and
less than a sixth more is not worth the retuning that another batch size takes."""

WAITS = 0.2
"""The part of a step's time spent waiting, for data or for other processes, that explains why throughput is flat."""


@dataclass(frozen=True)
class Timing:
    """What updates of one batch size took; fractions are parts of the time.

    `fits`: whether such a batch fits into memory; if not, nothing else is known.
    """

    batch_size: int
    seconds_per_step: float = 0.0
    data_wait_fraction: float = 0.0
    synchronisation_fraction: float = 0.0  # exchanging gradients; 0 where one process trains alone
    gpu_memory_bytes: int = 0
    fits: bool = True

    @property
    def examples_per_second(self) -> float:
        """The throughput."""
        return self.batch_size / self.seconds_per_step if self.fits else 0.0


def sizes(smallest: int, largest: int) -> list[int]:
    """`smallest` times powers of two, up to `largest`."""
    return [smallest << doublings for doublings in range((largest // smallest).bit_length())]


def largest_that_rises(timings: Sequence[Timing]) -> Timing:
    """The largest batch whose throughput is at least `RISES` times the best of all smaller ones; the smallest pays."""
    chosen, best = timings[0], 0.0
    for timing in timings:
        if timing.examples_per_second >= RISES * best:
            chosen = timing
        best = max(best, timing.examples_per_second)
    return chosen


def judge(timings: Sequence[Timing]) -> Verdict:
    """The batch size to train with, of timings by ascending batch size, and what holds throughput back there."""
    measured = [timing for timing in timings if timing.fits]
    too_large = next((timing.batch_size for timing in timings if not timing.fits), None)
    if not measured:
        return Verdict(
            "Throughput",
            f"a batch of {too_large} does not fit into memory: lower minBatchSize, or the model's size",
            flags=("OutOfMemory",),
        )
    chosen, largest = largest_that_rises(measured), measured[-1]
    rising = chosen is largest and len(measured) > 1
    flat = [timing for timing in measured if timing.batch_size >= chosen.batch_size]
    causes = {
        "InputBound": (
            any(timing.data_wait_fraction > WAITS for timing in flat),
            "steps wait for data: read it faster",
        ),
        "SynchronisationBound": (
            any(timing.synchronisation_fraction > WAITS for timing in flat),
            "steps wait for other processes",
        ),
        "MemoryBound": (rising and too_large is not None, f"a batch of {too_large} does not fit into memory"),
        "StillRising": (rising and too_large is None, "that was the largest batch tried"),
    }
    found = {flag: words for flag, (holds, words) in causes.items() if holds}
    summary = (
        f"a batch of {chosen.batch_size} is the largest whose throughput still rises, {chosen.examples_per_second:.3g}"
        f" examples per second at {chosen.seconds_per_step:.3g} s per step"
    )
    suggestions = {
        "batch_size": chosen.batch_size,
        "examples_per_second": chosen.examples_per_second,
        "seconds_per_step": chosen.seconds_per_step,
        "largest_batch_size": largest.batch_size,
    }
    return Verdict("Throughput", "; ".join((summary, *found.values())), suggestions, tuple(found))
