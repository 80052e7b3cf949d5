"""When containers start and end, seen through a watch and stamped as they are seen."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from cluster.build import KUBECTL
from cluster.layout import KUBECONFIG


@dataclass
class Containers:
    """Seconds (monotonic) at which each pod's container was first seen to run and to have ended."""

    started: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    def see(self, pod: dict[str, Any]) -> None:
        """Take in one state of one pod."""
        now, name = time.monotonic(), pod["metadata"]["name"]
        for status in pod.get("status", {}).get("containerStatuses") or []:
            state = status["state"]
            if "running" in state or "terminated" in state:
                self.started.setdefault(name, now)
            if "terminated" in state:
                self.ended.setdefault(name, now)

    def have_ended(self, count: int) -> bool:
        """Whether so many containers have ended."""
        return len(self.ended) >= count

    @property
    def gaps(self) -> list[float]:
        """From each container's end to the next one's start, where they run one at a time."""
        starts, ends = sorted(self.started.values()), sorted(self.ended.values())
        return [start - end for end, start in zip(ends, starts[1:], strict=False)]


@contextmanager
def watched(namespace: str) -> Iterator[Containers]:
    """Watch the pods of a namespace until the block ends."""
    seen = Containers()
    command = [str(KUBECTL), f"--kubeconfig={KUBECONFIG}", "get", "pods", "-n", namespace, "--watch", "-o", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout, seen), daemon=True)
    reader.start()
    try:
        yield seen
    finally:
        process.terminate()
        process.wait(timeout=10)
        reader.join(timeout=10)
        process.stdout.close()


def _read(stream: IO[str], seen: Containers) -> None:
    """kubectl writes one indented object after another; each ends with a brace in the first column."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line.rstrip() == "}":
            seen.see(json.loads("".join(lines)))
            lines.clear()
