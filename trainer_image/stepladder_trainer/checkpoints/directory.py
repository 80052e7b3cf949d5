"""A directory of a file system: files are synced and renamed into place."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from stepladder_trainer.checkpoints.store import Dump
from stepladder_trainer.outcomes import StorageError

FULL = "free space, or give the volume more"
DENIED = "let the trainer's user or group write there (securityContext.fsGroup)"
A_FILE = "name a directory, where this is a file"
ADVICE = {
    errno.EEXIST: A_FILE,
    errno.ENOTDIR: A_FILE,
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FULL,
    errno.EROFS: "mount the volume writable",
    errno.EACCES: DENIED,
    errno.EPERM: DENIED,
}


@dataclass(frozen=True)
class Directory:
    """See `Store`. Whatever the operating system refuses is a StorageError: the next node may have the volume back."""

    directory: Path
    appends: ClassVar[bool] = True

    @property
    def location(self) -> str:
        """The directory's path."""
        return str(self.directory)

    def path(self, name: str) -> str:
        """The file's path."""
        return str(self.directory / name)

    def prepare(self) -> None:
        """Make the directory and sweep it."""
        with self._storage():
            self.directory.mkdir(parents=True, exist_ok=True)
            for leftover in self.directory.glob("*.tmp"):
                leftover.unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Of the files that are there now."""
        with self._storage():
            return [path.name for path in self.directory.iterdir()]

    def read(self, name: str) -> bytes:
        """The whole file."""
        with self._storage():
            return (self.directory / name).read_bytes()

    def write(self, name: str, dump: Dump) -> None:
        """Stream to another name, sync, rename, and sync the directory."""
        temporary = self.directory / f"{name}.tmp"
        with self._storage():
            try:
                with temporary.open("wb") as file:
                    dump(file)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self.directory / name)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            directory = os.open(self.directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def append(self, name: str, data: bytes) -> None:
        """Add to the end of the file."""
        with self._storage(), (self.directory / name).open("ab") as file:
            file.write(data)

    def remove(self, name: str) -> None:
        """Remove the file."""
        with self._storage():
            (self.directory / name).unlink(missing_ok=True)

    @contextmanager
    def _storage(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if not self.directory.is_dir():
                raise StorageError(
                    f"checkpoint storage {self.directory} is not there: check its path, and that its volume is mounted"
                ) from error
            taken = Path(error.filename or "").name
            raise StorageError(
                f"another process writes to checkpoint storage {self.directory}, where {taken} was taken away: end it, "
                "or give each trial a directory of its own"
            ) from error
        except OSError as error:
            advice = ADVICE.get(error.errno or 0, "check the volume")
            raise StorageError(f"checkpoint storage {self.directory} failed: {error}; {advice}") from error
