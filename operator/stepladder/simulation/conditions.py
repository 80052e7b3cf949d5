"""What is assumed of the machines on which a study is simulated."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Conditions:
    """The same for every trial."""

    pod_start_seconds: float = 0.0  # from a segment's start to its first step; its GPUs are held meanwhile
    failure_rate: float = 0.0  # of segments that are interrupted at a random step, in [0, 1)
    gpus: int = 0  # of one trial
