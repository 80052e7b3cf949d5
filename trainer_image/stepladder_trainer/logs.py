"""Where the log goes: standard error, unless the script has its own arrangement, and the trial's directory."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from stepladder_trainer.checkpoints import Store
from stepladder_trainer.outcomes import TrialError

NAME = "trainer.log"
FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(message)s")

logger = logging.getLogger("stepladder_trainer")


@contextmanager
def to_stderr(level: int = logging.INFO) -> Iterator[None]:
    """Log to standard error while the block runs, unless the script that uses us has configured logging itself."""
    if logger.hasHandlers():
        yield
        return
    before = logger.level
    with _handler(logging.StreamHandler()):
        logger.setLevel(level)
        try:
            yield
        finally:
            logger.setLevel(before)


@contextmanager
def beside_checkpoints(store: Store) -> Iterator[None]:
    """Append the log of the block to `trainer.log` in `store`, for `stepladder logs`: line by line, or at the end where
    a line costs as much as a file. Raises StorageError."""
    if store.appends:
        store.append(NAME, b"")
        with _handler(logging.FileHandler(store.path(NAME))):
            yield
        return
    lines = io.StringIO()
    try:
        with _handler(logging.StreamHandler(lines)):
            yield
    finally:
        try:
            store.append(NAME, lines.getvalue().encode())
        except TrialError as error:  # how the trial ended has been told
            logger.warning("the log stays here: %s", error)


@contextmanager
def _handler(handler: logging.Handler) -> Iterator[None]:
    handler.setFormatter(FORMAT)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
