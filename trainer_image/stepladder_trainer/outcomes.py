"""How a segment of training can end: the reasons, their exit codes (sysexits.h), and the errors that stand for them."""

import errno
from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why the process ended, as the operator reads it in the termination message."""

    COMPLETED = "Completed"
    INTERRUPTED = "Interrupted"
    INFEASIBLE = "Infeasible"
    CONFIGURATION_ERROR = "ConfigurationError"
    OUT_OF_MEMORY = "OutOfMemory"
    STORAGE_ERROR = "StorageError"
    ERROR = "Error"


EXIT_CODES = {
    Reason.COMPLETED: 0,
    Reason.ERROR: 1,
    Reason.INFEASIBLE: 65,  # EX_DATAERR: this configuration diverges
    Reason.OUT_OF_MEMORY: 71,  # EX_OSERR
    Reason.STORAGE_ERROR: 74,  # EX_IOERR: retried
    Reason.INTERRUPTED: 75,  # EX_TEMPFAIL: asked to stop, and saved
    Reason.CONFIGURATION_ERROR: 78,  # EX_CONFIG: permanent
}


class TrialError(Exception):
    """An ending with a reason of its own. Its message is one sentence for the person who can act on it."""

    reason: ClassVar[Reason] = Reason.ERROR


class ConfigurationError(TrialError):
    """Something that no retry repairs: an unknown task or parameter, a missing file, a checkpoint of another trial."""

    reason = Reason.CONFIGURATION_ERROR


class InfeasibleError(TrialError):
    """The configuration diverged: a loss or a metric is not finite."""

    reason = Reason.INFEASIBLE


class StorageError(TrialError):
    """The checkpoint storage failed; another attempt may succeed."""

    reason = Reason.STORAGE_ERROR


class OutOfMemoryError(TrialError, MemoryError):
    """There is too little memory, and somebody knows better than the allocator what to do."""

    reason = Reason.OUT_OF_MEMORY


def reason_of(error: BaseException) -> Reason:
    """The reason that an exception stands for.

    PyTorch's own out-of-memory errors are told by name and by text, so that this module works without importing
    PyTorch.
    """
    if isinstance(error, TrialError):
        return error.reason
    if isinstance(error, KeyboardInterrupt):
        return Reason.INTERRUPTED
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return Reason.OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:  # a worker that cannot be forked
        return Reason.OUT_OF_MEMORY
    if isinstance(error, RuntimeError) and any(
        sign in str(error) for sign in ("can't allocate memory", "out of memory", "_ALLOC_FAILED")
    ):
        return Reason.OUT_OF_MEMORY
    return Reason.ERROR
