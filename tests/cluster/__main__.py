"""Command line: `PYTHONPATH=tests python3 -m cluster COMMAND`."""

import argparse
import contextlib
import fcntl
import sys
from collections.abc import Iterator

from cluster import build, images, kind, lifecycle, smoke
from cluster.layout import CACHE
from cluster.shell import ClusterError, say

# Building images takes minutes and must not keep a test from restarting the API server.
LOCKS = {
    **dict.fromkeys(("up", "down", "stop", "start", "restart", "programs"), "cluster.lock"),
    **dict.fromkeys(("images", "load"), "images.lock"),
}


def main() -> int:
    """Run one command; the exit code is 1 where it could not be done."""
    parser = argparse.ArgumentParser(prog="cluster", description="The real cluster of the end-to-end tests")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", help="start the cluster, or do nothing where it is healthy")
    commands.add_parser("down", help="end it and leave nothing but caches and logs")
    commands.add_parser("status", help="what runs; the exit code says whether all is well")
    commands.add_parser("smoke", help="check that the cluster keeps its promises (needs the base image loaded)")
    commands.add_parser("programs", help="build kubectl, helm and the rest into the cache, and start nothing")
    for name, help_ in (
        ("images", "build the images, and load them where the cluster is up"),
        ("load", "push built images to the registry and pull them to the nodes"),
    ):
        command = commands.add_parser(name, help=help_)
        command.add_argument("images", nargs="*", help="base, operator, trainer (default: all)")
    for name in ("stop", "start", "restart"):
        commands.add_parser(name, help=f"{name} one program, e.g. apiserver, kubelet").add_argument("program")
    arguments = parser.parse_args()

    try:
        with alone(LOCKS.get(arguments.command)):
            return execute(arguments)
    except ClusterError as error:
        say(f"error: {error}")
        return 1


@contextlib.contextmanager
def alone(lock: str | None) -> Iterator[None]:
    """Let no two commands of a kind run at once: they would build the same thing twice, or undo each other."""
    if lock is None:
        yield
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / lock).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def execute(arguments: argparse.Namespace) -> int:
    """Dispatch; kind stands in for the commands that make and fill a cluster."""
    with_kind = kind.usable()
    match arguments.command:
        case "up":
            kind.up() if with_kind else lifecycle.up()
        case "down":
            kind.down() if with_kind else lifecycle.down()
        case "status":
            return 0 if lifecycle.status() else 1
        case "smoke":
            smoke.check()
        case "programs":
            build.programs()
        case "images" if with_kind:
            kind.images(arguments.images)
        case "images":
            images.build(arguments.images)
            if lifecycle.healthy():
                images.load(arguments.images)
        case "load":
            images.load(arguments.images)
        case "stop":
            lifecycle.stop(arguments.program)
        case "start":
            lifecycle.start(arguments.program)
        case "restart":
            lifecycle.stop(arguments.program)
            lifecycle.start(arguments.program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
