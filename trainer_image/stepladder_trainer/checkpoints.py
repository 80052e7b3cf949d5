"""Checkpoints on disk: `step-00000030.pt` files that are either whole or skipped.

A file is written under another name, synced, renamed, and its directory synced, so that a crash leaves the older ones
as they were. A file that was damaged afterwards fails the CRC-32 that the format (a ZIP of tensors) carries for every
record.
"""

import hashlib
import io
import logging
import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepladder_trainer.outcomes import ConfigurationError, StorageError

NAME = re.compile(r"step-(\d{8,})\.pt")
DIGEST_BYTES = 32
SPARES = 2  # the newest, and the one before in case the newest rots on the disk

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one trial, in `directory`. At most one process writes there at a time."""

    directory: Path

    def path(self, step: int) -> Path:
        """The file of the checkpoint after `step` optimizer updates."""
        return self.directory / f"step-{step:08d}.pt"

    def steps(self) -> list[int]:
        """Steps that have a file, newest first."""
        names = (NAME.fullmatch(path.name) for path in self.directory.iterdir())
        return sorted((int(name[1]) for name in names if name), reverse=True)

    def prepare(self) -> None:
        """Make the directory and sweep away what a killed predecessor left half written. Raises StorageError."""
        with storage(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            for leftover in self.directory.glob("*.tmp"):
                leftover.unlink()

    def save(self, step: int, content: dict[str, Any], *, best: int | None) -> Path:
        """Make `content` durable as the checkpoint of `step`, then drop all but the newest and the one of step `best`.

        Raises StorageError, leaving the older checkpoints in place.
        """
        import torch  # here, so that the SDK can refuse a configuration before PyTorch is loaded

        buffer = io.BytesIO()
        torch.save(content, buffer)
        buffer.write(hashlib.sha256(buffer.getbuffer()).digest())
        path = self.path(step)
        with storage(self.directory):
            write_durably(path, buffer.getvalue())
            for old in self.steps()[SPARES:]:
                if old != best:
                    self.path(old).unlink(missing_ok=True)
        return path

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """(step, content) of the newest whole checkpoint, tensors on the CPU, or None. Damaged ones are skipped with a
        warning.

        Raises StorageError if the directory cannot be read, ConfigurationError if a whole file holds what must not be
        unpickled.
        """
        import torch

        with storage(self.directory):
            for step in self.steps():
                path = self.path(step)
                data = path.read_bytes()
                archive, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
                if hashlib.sha256(archive).digest() != digest:
                    logger.warning("skipping %s: it is damaged or incomplete", path)
                    continue
                try:
                    return step, torch.load(io.BytesIO(archive), map_location="cpu", weights_only=True)
                except pickle.UnpicklingError as error:
                    raise ConfigurationError(
                        f"{path} holds more than tensors and plain values; "
                        f"give checkpoint parts whose state_dict() is plain: {error}"
                    ) from error
        return None


@contextmanager
def storage(directory: Path) -> Iterator[None]:
    """Turn the operating system's errors about `directory` into StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"checkpoint storage {directory} failed: {error}; free space or check the volume") from error


def write_durably(path: Path, data: bytes | memoryview) -> None:
    """Replace `path` by `data` so that at any moment, power cuts included, it holds the old content or the new."""
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
