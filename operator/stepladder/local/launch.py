"""Becomes the trainer. Run as a script: `python launch.py PARENT COMMAND...`.

Before it does, it asks Linux for a SIGTERM when PARENT dies, so that a trainer saves its checkpoint and ends if
`stepladder run` is killed. Elsewhere the next run stops what is left. It exits with 128, as runc does, if it cannot run
the command.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
CANNOT_START = 128


def main(parent: int, command: list[str]) -> None:
    """Replace this process by the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(128 + signal.SIGTERM)
    try:
        os.execvp(command[0], command)  # noqa: S606 # running what the study says is this file's purpose
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        sys.exit(CANNOT_START)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
