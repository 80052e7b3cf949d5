"""Processes that outlive the command that started them, each recorded in a file.

A process is known by its id and its start time together: an id alone may meanwhile belong to somebody else's process.
"""

import json
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.layout import LOGS, STATE
from cluster.shell import ClusterError, wait_until

RECORDS = STATE / "processes"


@dataclass(frozen=True)
class Process:
    """A program of the cluster and the process that last ran it."""

    name: str
    node: int
    argv: tuple[str, ...]
    pid: int
    started: str

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"

    def alive(self) -> bool:
        return start_time(self.pid) == self.started


def record(name: str, node: int, argv: Sequence[str], pid: int) -> Process:
    started = start_time(pid)
    if started is None:
        raise ClusterError(f"{name} ended at once, see {LOGS / name}.log")
    process = Process(name, node, tuple(argv), pid, started)
    RECORDS.mkdir(parents=True, exist_ok=True)
    (RECORDS / f"{name}.json").write_text(json.dumps(asdict(process)))
    return process


def recorded() -> list[Process]:
    return [find(path.stem) for path in sorted(RECORDS.glob("*.json"))]


def find(name: str) -> Process:
    """The process recorded under this name.

    Raises:
        ClusterError: there is none; the message lists those there are.
    """
    path = RECORDS / f"{name}.json"
    if not path.exists():
        names = ", ".join(sorted(other.stem for other in RECORDS.glob("*.json"))) or "none: the cluster is down"
        raise ClusterError(f"no process is called {name!r}; there are: {names}")
    fields = json.loads(path.read_text())
    return Process(**{**fields, "argv": tuple(fields["argv"])})


def kill(process: Process) -> None:
    """End the process at once, without its consent.

    Raises:
        ClusterError: it is still there after half a minute.
    """
    if process.alive():
        os.kill(process.pid, signal.SIGKILL)
    wait_until(f"{process.name} (pid {process.pid}) ends", lambda: not process.alive(), 30)


def child_of(parent: int) -> int | None:
    for pid in ids():
        fields = stat(pid)
        if fields and fields[1] == str(parent):
            return pid
    return None


def seen_as(inner: int, init: Process) -> int | None:
    """The id, here on the host, of the process that has the id `inner` in the namespace of `init`."""
    for pid in ids():
        try:
            if namespace(pid) == namespace(init.pid):
                status = Path(f"/proc/{pid}/status").read_text()
                if re.search(rf"^NSpid:.*\t{inner}$", status, re.MULTILINE):
                    return pid
        except OSError:
            continue  # it ended while we looked
    return None


def namespace(pid: int) -> Path:
    return Path(f"/proc/{pid}/ns/pid").readlink()


def ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def start_time(pid: int) -> str | None:
    """Clock ticks from boot to the start of a live process; None for a dead one or a zombie."""
    fields = stat(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (the state) on: the second, the name, may hold blanks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
