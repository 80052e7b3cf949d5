"""Running programs, waiting for conditions, and failing with a sentence."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class ClusterError(Exception):
    """Something a person has to know: the message says what happened and where to look."""


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def run(*argv: str | Path, env: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
    """Standard output of a program.

    Raises:
        ClusterError: it ended with an error; the message carries what it wrote to standard error.
    """
    done = subprocess.run(
        [str(word) for word in argv],
        env={**os.environ, **(env or {})},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        command = " ".join(str(word) for word in argv)
        raise ClusterError(f"exit code {done.returncode} from: {command}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def show(*argv: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a long program whose output a person wants to see as it comes.

    Raises:
        ClusterError: it ended with an error.
    """
    words = [str(word) for word in argv]
    say("+ " + " ".join(words))
    code = subprocess.run(words, env={**os.environ, **(env or {})}, cwd=cwd, stdout=sys.stderr, check=False).returncode
    if code != 0:
        raise ClusterError(f"exit code {code} from: {' '.join(words)}")


def succeeds(*argv: str | Path) -> bool:
    return subprocess.run([str(word) for word in argv], capture_output=True, check=False).returncode == 0


def wait_until(what: str, condition: Callable[[], bool], seconds: float, logs: Sequence[Path] = ()) -> None:
    """Ask again and again, ten times a second.

    Raises:
        ClusterError: the condition did not hold in time; the message ends with the tails of `logs`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            tails = "".join(f"\n--- {log}\n{tail(log)}" for log in logs)
            raise ClusterError(f"waited {seconds:.0f} s in vain until {what}{tails}")
        time.sleep(0.1)


def tail(log: Path, lines: int = 15) -> str:
    if not log.exists():
        return "(no such file)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
