"""The store's memory: an append-only journal of JSON lines, rewritten when it has grown, and the lock of the home.

A line is handed to the operating system before its write is acknowledged, so nothing is lost when the process is
killed. It is forced onto the disk at most once a second, so a power cut may lose the last second, but never the order:
what is left is a state that was once true, and the reconcilers go on from any such state.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from stepladder.control.store import (
    CLAIMS,
    EVENTS,
    WATCHED,
    Change,
    Object,
    Resource,
    Unavailable,
)
from stepladder.local.layout import Layout
from stepladder.local.objects import Key, key_of
from stepladder.local.registry import Admit
from stepladder.local.store import MemoryStore

_RESOURCES: Final = {r.plural: r for r in (*WATCHED, CLAIMS, EVENTS)}
_SYNC_EVERY_SECONDS: Final = 1.0
_COMPACT_ABOVE_LINES: Final = 2000


class HomeError(Exception):
    """The home cannot be used; the message says what to do."""


@contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Make the home and hold it alone. Raises HomeError if another process has it, or if it cannot be made."""
    try:
        layout.root.mkdir(parents=True, exist_ok=True)
        file = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise HomeError(f"cannot use {layout.root}: {error.strerror}; give another --home") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            raise HomeError(
                f"{layout.root} is in use by another `stepladder run` (process {owner}); "
                "wait until it ends, or give this one another --home"
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


@contextmanager
def durable_store(layout: Layout, admit: Admit, warn: Callable[[str], object]) -> Iterator[MemoryStore]:
    """A store that begins with what the journal holds and writes every change to it. The caller holds the lock.

    `warn` is told once when changes can no longer be written, and again after they could be. Raises HomeError if the
    journal is damaged in more than its last line.
    """
    journal = Journal(layout.objects)
    stored, resource_version = journal.read()
    store = MemoryStore(admit=admit)
    failing = False

    def record(change: Change) -> None:
        nonlocal failing
        try:
            if journal.lines > max(_COMPACT_ABOVE_LINES, 4 * store.registry.count()):
                # The change that is being recorded has its number already, and is appended to the new journal.
                journal.rewrite(store.registry.all(), store.registry.resource_version - 1)
            journal.append(change)
        except OSError as error:
            sentence = f"cannot write {layout.objects}: {error.strerror}"
            if not failing:
                failing = True
                warn(f"{sentence}; the study waits until it can: make room or permit it")
            raise Unavailable(sentence) from error
        failing = False

    try:
        try:
            journal.rewrite(stored, resource_version)
        except OSError as error:
            raise HomeError(f"cannot write {layout.objects}: {error.strerror}; make room or permit it") from error
        store.registry.journal = record
        store.registry.load(stored, resource_version)
        yield store
    finally:
        journal.close()


class Journal:
    """The file. Its first line holds the resourceVersion at which it was rewritten, every other one a change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._size = 0
        self._synced = 0.0
        self.lines = 0

    def read(self) -> tuple[list[tuple[Resource, Object]], int]:
        """The objects, and the newest resourceVersion. A torn last line is a write that was never acknowledged."""
        found: dict[Key, Object] = {}
        newest = 0
        lines = self._path.read_bytes().split(b"\n") if self._path.exists() else []
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line) if line else None
                if entry is None:
                    continue
                if "resourceVersion" in entry:
                    newest = max(newest, int(entry["resourceVersion"]))
                    continue
                resource, manifest = _RESOURCES[entry["resource"]], entry["object"]
                key = key_of(resource, manifest)
                newest = max(newest, int(manifest["metadata"]["resourceVersion"]))
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines):
                    break
                raise HomeError(
                    f"{self._path} is damaged in line {number}; restore it from a copy, or give another --home"
                ) from error
            if entry["type"] == "DELETED":
                found.pop(key, None)
            else:
                found[key] = manifest
        return [(key.resource, manifest) for key, manifest in found.items()], newest

    def append(self, change: Change) -> None:
        """One more line. Raises OSError, and leaves the file as it was, if it cannot be written."""
        manifest = change.object
        if change.type == "DELETED":
            kept = ("name", "namespace", "resourceVersion")
            manifest = {"metadata": {name: manifest["metadata"][name] for name in kept}}
        line = _line({"type": change.type, "resource": change.resource.plural, "object": manifest})
        assert self._file is not None, "the journal is rewritten before it is appended to"  # noqa: S101 # for mypy
        try:
            _write(self._file, line)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)
        self.lines += 1
        if time.monotonic() - self._synced > _SYNC_EVERY_SECONDS:
            os.fsync(self._file)
            self._synced = time.monotonic()

    def rewrite(self, objects: Iterable[tuple[Resource, Object]], resource_version: int) -> None:
        """Replace the file by these objects, atomically. Raises OSError, and leaves the old one, if it cannot."""
        lines = [_line({"resourceVersion": resource_version})]
        lines += [_line({"type": "ADDED", "resource": r.plural, "object": manifest}) for r, manifest in objects]
        temporary = self._path.with_suffix(".new")
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        try:
            _write(file, b"".join(lines))
            os.fsync(file)
            temporary.replace(self._path)
            _sync_directory(self._path.parent)
        except OSError:
            os.close(file)
            raise
        self.close()
        self._file, self._size, self.lines, self._synced = file, sum(map(len, lines)), len(lines), time.monotonic()

    def close(self) -> None:
        """Force everything onto the disk."""
        if self._file is not None:
            os.fsync(self._file)
            os.close(self._file)
            self._file = None


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
