"""A prefix of a bucket, through fsspec: an object is there as a whole or not at all."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar, Final

from stepladder_trainer.checkpoints.store import Dump
from stepladder_trainer.outcomes import ConfigurationError, StorageError

OURS: Final = ("s3", "gs", "az")
"""Spoken to by obstore, from the extra `buckets`; whatever else fsspec knows needs its own driver."""
# A server that refuses is given up after about 3 seconds, one that is not there or never answers within a minute.
CLIENT: Final = {"connect_timeout": "5s", "read_timeout": "15s", "timeout": "10min", "allow_http": "true"}
RETRIES: Final = {"max_retries": 5, "retry_timeout": timedelta(seconds=20)}

_ANSWER = re.compile(r"<Code>([^<]+)</Code>\s*<Message>([^<]*)")
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|bucket does not exist", re.IGNORECASE)


@dataclass(frozen=True)
class Bucket:
    """See `Store`. Credentials come from the environment, as the provider's own tools would find them in a container.

    Errors of drivers are of any type, so that all are taken for the storage's.
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
        with self._storage():
            system, root = self._place
            found: list[str] = system.find(root)
        names = (path.removeprefix(root).lstrip("/") for path in found)
        return [name for name in names if "/" not in name]

    def read(self, name: str) -> bytes:
        """The whole object."""
        with self._storage():
            system, root = self._place
            return bytes(system.cat_file(f"{root}/{name}"))

    def write(self, name: str, dump: Dump) -> None:
        """Put the object. A large one goes in parts and appears with the last."""
        buffer = io.BytesIO()
        dump(buffer)
        with self._storage():
            system, root = self._place
            system.pipe_file(f"{root}/{name}", buffer.getvalue())

    def append(self, name: str, data: bytes) -> None:
        """Read, and put the longer object."""
        before = self.read(name) if name in self.names() else b""
        self.write(name, lambda file: file.write(before + data))

    def remove(self, name: str) -> None:
        """Remove the object."""
        with self._storage(), suppress(FileNotFoundError):
            system, root = self._place
            system.rm_file(f"{root}/{name}")

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system, and the prefix as it calls it."""
        scheme, _, root = self.url.partition("://")
        try:
            if scheme in OURS:
                from obstore.fsspec import FsspecStore

                driver: Any = FsspecStore
                return driver(scheme, client_options=CLIENT, retry_config=RETRIES, skip_instance_cache=True), root
            import fsspec

            system, root = fsspec.url_to_fs(self.url, use_listings_cache=False)
            return system, root.rstrip("/")
        except ImportError as error:
            lacking = "stepladder-trainer[buckets]" if scheme in OURS else f"fsspec's driver of {scheme}://"
            raise ConfigurationError(
                f"checkpoint storage {self.url} needs a driver that this image lacks: install {lacking} in it"
            ) from error
        except ValueError as error:
            raise ConfigurationError(
                f"checkpoint storage {self.url} cannot be used: {error}; give s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, "
                "az://CONTAINER/PREFIX, or another URL that fsspec knows"
            ) from error

    @contextmanager
    def _storage(self) -> Iterator[None]:
        try:
            yield
        except (ConfigurationError, MemoryError):
            raise
        except Exception as error:
            failed = f"checkpoint storage {self.url} failed: {explained(error)}"
            if _NO_BUCKET.search(str(error)):
                raise ConfigurationError(f"{failed}; create the bucket, or correct the URL") from error
            if isinstance(error, PermissionError) or _ANSWER.search(str(error)):
                raise StorageError(
                    f"{failed}; give the trainer container credentials that may list, read, write and delete there"
                ) from error
            raise StorageError(f"{failed}; check the network, the endpoint and the credentials") from error


def explained(error: Exception) -> str:
    """What a driver says, in a line: the server's own code and words where there are some, without the request that was
    made, which names the credentials' owner."""
    if answer := _ANSWER.search(str(error)):
        return f"{answer[1]}: {answer[2].strip().rstrip('.')}"
    first, *_ = [*str(error).splitlines(), type(error).__name__]
    return first.rpartition(" - ")[2].strip() or type(error).__name__
