"""Ports for trainers, which share this machine's address."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


class Ports:
    """Hands out free ports, none of them twice at a time."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    @contextmanager
    def reserved(self) -> Iterator[int]:
        """A port that nobody listens on, and that nobody else here is given meanwhile."""
        port = self._free()
        while port in self._taken:
            port = self._free()
        self._taken.add(port)
        try:
            yield port
        finally:
            self._taken.discard(port)

    def _free(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port
