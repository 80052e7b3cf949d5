"""Where the log goes: standard error, unless the script has its own arrangement, and the trial's directory."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepladder_trainer.checkpoints import storage

FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(message)s")

logger = logging.getLogger("stepladder_trainer")


@contextmanager
def to_stderr() -> Iterator[None]:
    """Log to standard error while the block runs, unless the script that uses us has configured logging itself."""
    if logger.hasHandlers():
        yield
        return
    before = logger.level
    with _handler(logging.StreamHandler()):
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.setLevel(before)


@contextmanager
def to_file(path: Path) -> Iterator[None]:
    """Append the log to `path` while the block runs, for `stepladder logs`. Raises StorageError."""
    with storage(path.parent):
        handler = logging.FileHandler(path)
    with _handler(handler):
        yield


@contextmanager
def _handler(handler: logging.Handler) -> Iterator[None]:
    handler.setFormatter(FORMAT)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
