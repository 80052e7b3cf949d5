"""A prefix of a bucket, through fsspec: an object is there as a whole or not at all."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from stepladder_trainer.checkpoints.store import Dump
from stepladder_trainer.outcomes import ConfigurationError, StorageError

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
# A server that is not there is given up after about 20 seconds, one that accepts and never answers after about 90.
OPTIONS: dict[str | None, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 15, "retries": {"max_attempts": 3}}},
    "gcs": {"requests_timeout": 15},
}
ATTEMPTS = 2  # of s3fs, around those of botocore


@dataclass(frozen=True)
class Bucket:
    """See `Store`. The URL's scheme decides who speaks to it; credentials come from the environment.

    Errors of a bucket's driver are of any type, so that all are taken for the storage's.
    """

    url: str
    appends: ClassVar[bool] = False

    @property
    def location(self) -> str:
        """The URL."""
        return self.url

    def path(self, name: str) -> str:
        """The object's URL."""
        return f"{self.url}/{name}"

    def prepare(self) -> None:
        """List, which tells whether the driver is installed, the bucket exists and the credentials are good."""
        self.names()

    def names(self) -> list[str]:
        """Of the objects directly under the prefix."""
        with self._storage(missing="bucket"):
            system, root = self._place
            found: list[str] = system.find(root)
        names = (path.removeprefix(root).lstrip("/") for path in found)
        return [name for name in names if "/" not in name]

    def read(self, name: str) -> bytes:
        """The whole object."""
        with self._storage():
            system, root = self._place
            data: bytes = system.cat_file(f"{root}/{name}")
        return data

    def write(self, name: str, dump: Dump) -> None:
        """Put the object. Large ones go in parts and appear with the last."""
        buffer = io.BytesIO()
        dump(buffer)
        with self._storage(missing="bucket"):
            system, root = self._place
            system.pipe_file(f"{root}/{name}", buffer.getvalue())

    def append(self, name: str, text: str) -> None:
        """Read, and put the longer object."""
        before = self.read(name) if name in self.names() else b""
        self.write(name, lambda file: file.write(before + text.encode()))

    def remove(self, name: str) -> None:
        """Remove the object."""
        with self._storage(), suppress(FileNotFoundError):
            system, root = self._place
            system.rm_file(f"{root}/{name}")

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system, and the prefix as it calls it."""
        import fsspec

        scheme = self.url.partition("://")[0]
        extra = EXTRAS.get(scheme)
        try:
            system, root = fsspec.url_to_fs(self.url, use_listings_cache=False, **OPTIONS.get(extra, {}))
        except ImportError as error:
            extra = f"stepladder-trainer[{extra}]" if extra else f"fsspec's driver of {scheme}://"
            raise ConfigurationError(
                f"checkpoint storage {self.url} needs a driver that this image lacks ({error}): install {extra} in it"
            ) from error
        except ValueError as error:
            raise ConfigurationError(
                f"checkpoint storage {self.url} cannot be used: {error}; give s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, "
                "or another URL that fsspec knows"
            ) from error
        if hasattr(system, "retries"):
            system.retries = ATTEMPTS
        return system, root.rstrip("/")

    @contextmanager
    def _storage(self, *, missing: str = "object") -> Iterator[None]:
        try:
            yield
        except (ConfigurationError, MemoryError):
            raise
        except FileNotFoundError as error:
            if missing == "bucket":
                raise ConfigurationError(
                    f"checkpoint storage {self.url} failed: {error}; create the bucket, or correct the URL"
                ) from error
            raise StorageError(
                f"checkpoint storage {self.url} failed: {error} is gone; let nothing else remove objects there"
            ) from error
        except PermissionError as error:
            raise StorageError(
                f"checkpoint storage {self.url} failed: {error}; give the trainer container credentials that may list, "
                "read, write and delete there"
            ) from error
        except Exception as error:
            raise StorageError(
                f"checkpoint storage {self.url} failed: {error}; check endpoint, network and credentials"
            ) from error
