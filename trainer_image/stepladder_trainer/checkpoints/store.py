"""Where a trial's files lie: what a directory of a volume and a prefix of a bucket have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol
from urllib.parse import unquote, urlsplit

from stepladder_trainer.outcomes import ConfigurationError

Dump = Callable[[BinaryIO], object]
"""Writes a file's content to a stream that can be written, and nothing else."""


class Store(Protocol):
    """The files of one trial, by name. At most one process writes them at a time.

    Every method raises StorageError, or ConfigurationError where no retry can help, with a sentence that says what to
    do.
    """

    appends: ClassVar[bool]
    """Whether `append` costs little. Otherwise it reads and writes the whole file."""

    @property
    def location(self) -> str:
        """The directory or URL, for people."""

    def prepare(self) -> None:
        """Make sure that files can be listed here, and sweep away what a killed predecessor left half written."""

    def names(self) -> list[str]:
        """Of all files, in any order."""

    def read(self, name: str) -> bytes:
        """The whole file."""

    def write(self, name: str, dump: Dump) -> None:
        """Replace the file so that at any moment, power cuts included, it holds the old content or the new."""

    def append(self, name: str, data: bytes) -> None:
        """Add `data` to the file, which need not exist."""

    def remove(self, name: str) -> None:
        """Remove the file. One that is not there is fine."""

    def path(self, name: str) -> str:
        """Where the file lies, as other programs would open it."""


def open_store(location: str | Path) -> Store:
    """The store at a path, or at a URL that fsspec knows: `s3://bucket/prefix`, `gs://`, `file:///directory`.

    Nothing is looked at yet. Raises ConfigurationError if the URL names no bucket, or carries credentials, which would
    end up in statuses and logs.
    """
    from stepladder_trainer.checkpoints.bucket import OURS, Bucket
    from stepladder_trainer.checkpoints.directory import Directory

    text = str(location)
    scheme = text.partition(":/")[0]
    if scheme in OURS and not urlsplit(text).netloc:
        raise ConfigurationError(f"{text} names no bucket: write {scheme}://BUCKET/PREFIX")
    if "://" not in text:
        return Directory(Path(location))
    parts = urlsplit(text)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path:
            raise ConfigurationError(f"{text} names no directory of this machine: write file:///DIRECTORY")
        return Directory(Path(unquote(parts.path)))
    if "@" in parts.netloc or parts.query:
        raise ConfigurationError(
            f"the checkpoints' URL {parts.scheme}://... holds more than a bucket and a prefix: give credentials and "
            "options as environment variables of the trainer container, which nobody logs"
        )
    return Bucket(text.rstrip("/"))
