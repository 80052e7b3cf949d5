"""Processes that outlive the command that started them, each recorded in a file.

A process is known by its id and its start time together: an id alone may meanwhile belong to somebody else's process.
"""

import json
import os
import signal
import subprocess
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


def stop(process: Process, grace_seconds: float = 10) -> None:
    """Ask the process to end, then end it."""
    for sign, patience in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 30)):
        if not process.alive():
            return
        os.kill(process.pid, sign)
        try:
            wait_until(f"{process.name} (pid {process.pid}) ends", lambda: not process.alive(), patience)
        except ClusterError:
            if sign is signal.SIGKILL:
                raise


def launch(argv: Sequence[str], log: Path) -> int:
    """Start a program in a session of its own, so that the caller's end and its Ctrl-C don't reach it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd="/", start_new_session=True
        ).pid


def only_child(pid: int) -> int | None:
    """The child of a process that has one, as `unshare --fork` and `nsenter --pid` do."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := stat(int(entry.name))) and fields[1] == str(pid):
            return int(entry.name)
    return None


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
