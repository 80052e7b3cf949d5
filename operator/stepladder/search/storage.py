"""Opening the Optuna storage, and what can be wrong with it."""

from pathlib import Path

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

IN_MEMORY = "memory://"
"""The URL of a storage that lasts as long as its process."""


class StorageUnavailable(Exception):
    """The Optuna storage cannot be read or written. The message says which and what to do, without its password."""


class Connection:
    """An open storage, as long as it is the one that the URL still leads to.

    Raises StorageUnavailable where the storage cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._file = _sqlite_file(url)
        self.storage = _open(url, self._file)
        self._identity = _identity(self._file)

    @property
    def stale(self) -> bool:
        """Whether a SQLite file has been deleted or replaced: its open handle would go on working, into nowhere."""
        return _identity(self._file) != self._identity

    def close(self) -> None:
        """Let go of the database's connections."""
        backend = getattr(self.storage, "_backend", None)
        if isinstance(backend, RDBStorage):
            backend.remove_session()
            backend.engine.dispose()


def describe(url: str) -> str:
    """The URL for people: without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "(a URL that cannot be read)"


def unavailable(url: str, error: Exception) -> StorageUnavailable:
    """The error as a sentence for the person who runs the operator."""
    cause = str(error.__cause__ or error).splitlines()[0]
    advice = (
        "check that its directory is there and writable; a damaged file can be deleted, it is rebuilt from the Trials"
        if url.startswith("sqlite")
        else "check the URL, the database's account and the network"
    )
    return StorageUnavailable(f"Optuna storage {describe(url)}: {cause}: {advice}")


def _open(url: str, file: Path | None) -> BaseStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()  # the operator's logging has the say over what is left
    if url == IN_MEMORY:
        return InMemoryStorage()
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        # Optuna formats the URL, and a password may hold braces. A pooled connection may have died meanwhile.
        escaped = url.replace("{", "{{").replace("}", "}}")
        return optuna.storages.get_storage(RDBStorage(escaped, engine_kwargs={"pool_pre_ping": True}))
    except (SQLAlchemyError, optuna.exceptions.OptunaError, OSError, ImportError, RuntimeError) as error:
        raise unavailable(url, error) from error


def _sqlite_file(url: str) -> Path | None:
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        return None
    database = parsed.database
    return Path(database) if parsed.drivername.startswith("sqlite") and database not in (None, "", ":memory:") else None


def _identity(file: Path | None) -> tuple[int, int] | None:
    if file is None:
        return None
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
