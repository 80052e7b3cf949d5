"""A file of JSON lines beside the checkpoints, one for each evaluation: bounded, and true to what was resumed."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any

from stepladder_trainer.checkpoints import Store

MOST = 200  # evaluations that are kept: the newest


class Journal:
    """The file `name`, which people read and no program depends on. Without a store nothing is written."""

    def __init__(self, store: Store | None, name: str) -> None:
        self._store = store
        self._name = name
        self._lines: deque[str] | None = None
        self._appended = 0
        self._dirty = False

    def add(self, step: int, entry: Mapping[str, Any]) -> None:
        """Add the line of `step`. What an earlier process wrote of this step and later ones goes: it is measured again.

        In a bucket, where a line costs as much as the whole file, it waits for `flush`. Raises StorageError.
        """
        if self._store is None:
            return
        if self._lines is None:
            self._lines = self._before(self._store, step)
        line = json.dumps({"step": step, **entry}) + "\n"
        self._lines.append(line)
        self._appended += 1
        if self._dirty or not self._store.appends or self._appended > MOST:
            self._dirty = True
            if self._store.appends:
                self.flush()
        else:
            self._store.append(self._name, line.encode())

    def flush(self) -> None:
        """Write what waits. Raises StorageError."""
        if self._store is None or self._lines is None or not self._dirty:
            return
        content = "".join(self._lines).encode()
        self._store.write(self._name, lambda file: file.write(content))
        self._dirty = False
        self._appended = 0

    def _before(self, store: Store, step: int) -> deque[str]:
        """The lines of steps before `step`; if there are others, the file is to be written anew."""
        there = store.read(self._name).decode(errors="replace").splitlines() if self._name in store.names() else []
        kept = [line + "\n" for line in there if _step(line) < step]
        self._dirty = len(kept) < len(there)
        return deque(kept, maxlen=MOST)


def _step(line: str) -> float:
    """Of a line; infinite where a crash has cut it."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
