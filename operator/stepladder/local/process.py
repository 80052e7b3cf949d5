"""A trainer as a process: started in a session of its own, recorded on disk, stopped by its id and its start time.

The id alone is not enough: after a restart it may be another program's.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from stepladder.local import launch
from stepladder.local.command import Command

_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Identity:
    """One process over the life of the machine."""

    pid: int
    started: str

    def write(self, path: Path) -> None:
        """Record it."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Identity | None":
        """What was recorded; None if nothing was, or not to the end."""
        try:
            entry = json.loads(path.read_text())
            return cls(int(entry["pid"]), str(entry["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def alive(self) -> bool:
        """Whether that very process still runs."""
        return start_time(self.pid) == self.started


async def start(command: Command, log: Path) -> Process:
    """Start it, with its output appended to `log`. Ctrl-C in this terminal does not reach it. Raises OSError."""
    for directory in (*command.directories, log.parent):
        directory.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *command.argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(command.environment),
            cwd=command.working_directory,
            start_new_session=True,
        )


def terminate(pid: int) -> None:
    """Ask the process, and it alone, to end; what it started is its own business, as in a container."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def kill_session(pid: int) -> None:
    """End the process and all that it started and that stayed in its session, as a container's end does."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


async def stop_orphan(identity: Identity, grace_seconds: float) -> None:
    """End a process that an earlier life has started: SIGTERM, and SIGKILL when the grace is over."""
    if not identity.alive():
        return
    terminate(identity.pid)
    deadline = asyncio.get_running_loop().time() + grace_seconds
    while identity.alive():
        if asyncio.get_running_loop().time() > deadline:
            kill_session(identity.pid)
        await asyncio.sleep(_POLL_SECONDS)


def start_time(pid: int) -> str | None:
    """When the process started, in a form that differs between any two processes of that id; None if it has ended."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"  # fields 3 and 22 of proc(5)
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607 # fixed words and a number
    return shown.stdout.strip() or None
